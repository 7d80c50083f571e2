import { type Logger, messageOf } from "@tocsin/model";
import type { SpoolConsumer, SpoolPosition } from "./record.js";

/**
 * Commits for a reader whose work matters more than its place: where the place cannot be written the reader goes on, and does
 * the same again after a crash.
 */
export function steadyCommit(
  consumer: SpoolConsumer,
  logger: Logger,
): (position: SpoolPosition) => Promise<void> {
  let isFailing = false;
  return async (position) => {
    try {
      await consumer.commit(position);
      isFailing = false;
    } catch (error) {
      // A full disk fails at every batch; one line says it.
      if (!isFailing) {
        logger.error(
          { consumer: consumer.name, error: messageOf(error) },
          "place in the spool could not be written",
        );
      }
      isFailing = true;
    }
  };
}
