import { messageOf } from "@tocsin/model";
import type { Head, HeadSample } from "../head/index.js";
import { encodeHeadSamples } from "../head/samples-record.js";
import type { Spool } from "../spool/index.js";
import { remoteWriteTargets } from "./metrics-engine.js";
import type { PartContext } from "./parts.js";

/** Takes series that the collector makes itself. */
export type PublishSamples = (samples: Iterable<HeadSample>) => void;

/**
 * Our own series go into memory at once, because the next rule of a group may read them. Where metrics are sent on
 * they also go into the spool, which every target of remote write reads; memory takes what comes back as a repeat.
 *
 * @param head undefined in a collector that keeps no series
 */
export function createPublisher(
  { config, clock, logger }: PartContext,
  head: Head | undefined,
  spool: Spool,
): PublishSamples {
  const isSentOn = remoteWriteTargets(config).length > 0;
  return (made) => {
    if (!isSentOn) {
      head?.appendSamples(made);
      return;
    }
    const samples = [...made];
    head?.appendSamples(samples);
    if (samples.length === 0) return;
    spool
      .append({ signal: "samples", body: encodeHeadSamples(samples), receivedAtMs: clock.now() })
      .catch((error: unknown) => {
        logger.debug({ error: messageOf(error) }, "series of our own are not sent on");
      });
  };
}
