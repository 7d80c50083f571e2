import { STALE_MARKER } from "@tocsin/promql";
import { writeWriteRequest } from "../remote-write/write-request-writer.js";
import type { HeadSample } from "./head.js";

/** Samples as a record of the spool. */
export function encodeHeadSamples(samples: readonly HeadSample[]): Buffer {
  return writeWriteRequest(
    samples.map(({ labels, timeMs, value, startMs }) => ({
      labels,
      samples: [{ timeMs, value: value === STALE_MARKER ? "stale" : value }],
      startMs,
    })),
  );
}
