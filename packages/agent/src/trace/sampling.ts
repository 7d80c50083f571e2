import { createTraceState, type TraceState } from "@opentelemetry/api";

/** Whether a root span is sampled, and what its trace state says of the chance it had. */
export interface RootDecision {
  readonly isSampled: boolean;
  readonly traceState: TraceState | undefined;
}

/**
 * Ratios for root spans: one for all, and others by the path of the request.
 *
 * A decision is a comparison of the trace id's random part with a threshold, so that services agree on it, and the
 * threshold goes along in `tracestate` so that whoever counts spans knows for how many each one stands.
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 */
export class Sampling {
  private readonly all: Threshold | undefined;
  private readonly exact = new Map<string, Threshold | undefined>();
  private readonly prefixes: { readonly prefix: string; readonly threshold: Threshold | undefined }[] = [];

  /** @param rules ratios by path; a path that ends in `*` is a prefix, and the longest one that fits is used */
  constructor(ratio: number, rules: Readonly<Record<string, number>>) {
    this.all = thresholdOf(rules["*"] ?? ratio);
    for (const [path, own] of Object.entries(rules))
      if (!path.endsWith("*")) this.exact.set(path, thresholdOf(own));
      else if (path !== "*") this.prefixes.push({ prefix: path.slice(0, -1), threshold: thresholdOf(own) });
    this.prefixes.sort((a, b) => b.prefix.length - a.prefix.length);
  }

  /** Decides on a root span; `url` is that of an incoming request, if there is one. */
  decide(traceId: string, url?: string): RootDecision {
    const threshold = url === undefined ? this.all : this.thresholdFor(url);
    if (threshold === undefined) return ALWAYS;
    if (threshold.digits === undefined || traceId.slice(RANDOM_AT) < threshold.digits) return NEVER;
    return { isSampled: true, traceState: threshold.traceState };
  }

  private thresholdFor(url: string): Threshold | undefined {
    if (this.exact.size === 0 && this.prefixes.length === 0) return this.all;
    const question = url.indexOf("?");
    const path = question < 0 ? url : url.slice(0, question);
    if (this.exact.has(path)) return this.exact.get(path);
    for (const { prefix, threshold } of this.prefixes) if (path.startsWith(prefix)) return threshold;
    return this.all;
  }
}

/** Paths that probes ask for; their spans would be all that anyone sees. They are counted as any other. */
export const HEALTH_RULES: Readonly<Record<string, number>> = {
  "/livez": 0,
  "/readyz": 0,
  "/healthz": 0,
};

const ALWAYS: RootDecision = { isSampled: true, traceState: undefined };
const NEVER: RootDecision = { isSampled: false, traceState: undefined };
/** The last 56 bits of a trace id are random. */
const RANDOM_AT = 18;
const RANDOM_DIGITS = 14;

interface Threshold {
  /** Least value of the random part that is sampled; none when nothing is. */
  readonly digits: string | undefined;
  readonly traceState: TraceState | undefined;
}

/** Nothing for "always". */
function thresholdOf(ratio: number): Threshold | undefined {
  if (ratio >= 1) return undefined;
  if (ratio <= 0) return { digits: undefined, traceState: undefined };
  const digits = Math.min(2 ** 48 - 1, Math.round((1 - ratio) * 2 ** 48))
    .toString(16)
    .padStart(12, "0");
  const short = digits.replace(/0+$/, "");
  return {
    digits: digits.padEnd(RANDOM_DIGITS, "0"),
    traceState: createTraceState(`ot=th:${short === "" ? "0" : short}`),
  };
}
