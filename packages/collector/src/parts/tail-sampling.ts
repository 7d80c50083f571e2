import { join } from "node:path";
import { createForwarder, createTransform } from "../export/index.js";
import { DecidedConsumer, DecisionBook, type TailConfig, TailSampler } from "../export/tail/index.js";
import type { Spool } from "../spool/index.js";
import { aheadOf, type ForwardTarget, tracesOf } from "./forward-targets.js";
import type { PartContext } from "./parts.js";

/** Begins to pass traces on once they have been decided on. */
export async function forwardTraces(
  { config: { redact }, dataDir, clock, logger, registry, closers }: PartContext,
  spool: Spool,
  target: ForwardTarget,
  config: TailConfig,
): Promise<void> {
  const name = tracesOf(target.name);
  const { sampled_cache_size: keptSize, non_sampled_cache_size: droppedSize } = config.decision_cache;
  const file = join(dataDir, "tail-sampling", `${encodeURIComponent(target.name)}.decisions`);
  const book = closers.add(`${name} decisions`, await DecisionBook.open({ file, keptSize, droppedSize }));
  const sampler = new TailSampler({ name, config, book, registry });
  const consumer = new DecidedConsumer({
    consumer: spool.consumer(name),
    ahead: spool.consumer(aheadOf(target.name)),
    sampler,
    book,
    waitMs: config.decision_wait,
    clock,
    logger,
  });
  const transform = createTransform({
    redact,
    span: sampler.item,
    resourceAttributes: target.config.resource_attributes,
  });
  const signals = ["traces"] as const;
  closers.add(
    name,
    await createForwarder(target.config, { name, consumer, signals, transform, clock, logger, registry }),
  );
}
