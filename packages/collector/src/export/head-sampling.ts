import { WireReader } from "../otlp/wire.js";

/** 2^56, the number of values of a trace id's last seven bytes, which W3C calls random. */
const RANDOM_VALUES = 2 ** 56;

/**
 * Consistent probability sampling: a trace is kept when the random part of its id is at least the threshold, so that
 * every collector with the same or a larger ratio keeps the same traces whole. Kept spans carry the threshold in their
 * trace state (`ot=th:…`), from which their weight can be told.
 *
 * @param ratio share of traces to keep, above 0 and up to 1
 * @see W3C Trace Context level 2, random trace id; OpenTelemetry, "TraceState: probability sampling".
 */
export function sampleTraces(
  ratio: number,
): (bytes: Buffer, start: number, end: number) => "keep" | "drop" | { readonly traceState: string } {
  const threshold = Math.round((1 - ratio) * RANDOM_VALUES);
  return (bytes, start, end) => {
    const { traceId, traceState } = readSpan(bytes, start, end);
    if (threshold === 0 || traceId === 0) return "keep";
    const known = thresholdOf(traceState);
    // A sampler before us was stricter: what is left is sampled enough.
    if (known >= threshold) return "keep";
    if (isBelow(bytes, traceId + 9, threshold)) return "drop";
    return { traceState: withThreshold(traceState, threshold) };
  };
}

/** Compares seven bytes in two parts: 56 bits do not fit the 53 of a double. */
function isBelow(bytes: Buffer, offset: number, threshold: number): boolean {
  const high = Math.floor(threshold / 2 ** 32);
  const random = bytes.readUIntBE(offset, 3);
  return random < high || (random === high && bytes.readUInt32BE(offset + 3) < threshold % 2 ** 32);
}

/** The threshold that an earlier sampler left in the trace state; 0 when none did. */
function thresholdOf(traceState: string): number {
  const hex = /(?:^|,)\s*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:[;,]|$)/.exec(traceState)?.[1];
  return hex === undefined ? 0 : Number.parseInt(hex.padEnd(14, "0"), 16);
}

function withThreshold(traceState: string, threshold: number): string {
  const th = `th:${threshold.toString(16).padStart(14, "0").replace(/0+$/, "") || "0"}`;
  const members = traceState
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  const own =
    members
      .find((member) => member.startsWith("ot="))
      ?.slice(3)
      .split(";") ?? [];
  const fields = [th, ...own.filter((field) => field !== "" && !field.startsWith("th:"))];
  // The vendor that changed its member last stands first.
  return [`ot=${fields.join(";")}`, ...members.filter((member) => !member.startsWith("ot="))].join(",");
}

function readSpan(bytes: Buffer, start: number, end: number): { traceId: number; traceState: string } {
  const reader = new WireReader(bytes, start);
  let traceId = 0;
  let traceState = "";
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10 || tag === 26) {
      const stop = reader.stop(end);
      if (tag === 26) traceState = bytes.toString("utf8", reader.pos, stop);
      else if (stop - reader.pos === 16) traceId = reader.pos;
      reader.pos = stop;
    } else reader.skip(tag, end);
  }
  return { traceId, traceState };
}
