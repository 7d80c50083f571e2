import { WireReader } from "../otlp/wire.js";

/**
 * Consistent probability sampling. Each trace has a random number that every collector reads alike; one that is below a
 * sampler's threshold is dropped. The threshold of a kept span stands in its trace state (`ot=th:…`) and tells its weight.
 *
 * Numbers here are the upper 53 of the 56 random bits: a double holds them exactly.
 *
 * @see W3C Trace Context level 2, random trace id; OpenTelemetry, "TraceState: Probability Sampling".
 */
export const RANDOM_VALUES = 2 ** 53;

/** What of a span tells its chance. */
export interface SpanIdentity {
  /** Offset of the 16 bytes; 0 where there are none. */
  readonly traceId: number;
  readonly traceState: string;
}

/** Reads the trace id and trace state of the Span message at `start`..`end`. */
export function readSpanIdentity(bytes: Buffer, start: number, end: number): SpanIdentity {
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

/** The random number of a trace: what its trace state says (`ot=rv:…`), else the last seven bytes of its id. */
export function randomnessOf(bytes: Buffer, traceId: number, traceState: string): number {
  const explicit =
    traceState === "" ? undefined : /^[0-9a-f]{14}$/.exec(fieldOf(traceState, "rv") ?? "")?.[0];
  if (explicit === undefined) return join(bytes.readUIntBE(traceId + 9, 3), bytes.readUInt32BE(traceId + 12));
  return join(Number.parseInt(explicit.slice(0, 6), 16), Number.parseInt(explicit.slice(6), 16));
}

/** The threshold under which all but `ratio` of the traces lie. */
export function thresholdOfRatio(ratio: number): number {
  return Math.round((1 - ratio) * RANDOM_VALUES);
}

/** The threshold that an earlier sampler left in the trace state; 0 where none did. */
export function thresholdIn(traceState: string): number {
  const hex = /^[0-9a-f]{1,14}$/.exec(fieldOf(traceState, "th") ?? "")?.[0];
  return hex === undefined ? 0 : Number.parseInt(hex.padEnd(14, "0"), 16) / 8;
}

/** The trace state with a threshold in place of the one it had. */
export function withThreshold(traceState: string, threshold: number): string {
  const th = `th:${(threshold * 8).toString(16).padStart(14, "0").replace(/0+$/, "") || "0"}`;
  const members = traceState
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  const fields = [th, ...fieldsOf(traceState).filter((field) => field !== "" && !field.startsWith("th:"))];
  // The vendor that changed its member last stands first.
  return [`ot=${fields.join(";")}`, ...members.filter((member) => !member.startsWith("ot="))].join(",");
}

function join(high: number, low: number): number {
  return high * 2 ** 29 + (low >>> 3);
}

function fieldOf(traceState: string, key: string): string | undefined {
  return fieldsOf(traceState)
    .find((field) => field.startsWith(`${key}:`))
    ?.slice(key.length + 1);
}

/** The fields of OpenTelemetry's member. */
function fieldsOf(traceState: string): readonly string[] {
  return /(?:^|,)\s*ot=([^,]*)/.exec(traceState)?.[1]?.trim().split(";") ?? [];
}
