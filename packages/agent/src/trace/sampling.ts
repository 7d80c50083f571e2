import {
  type Context,
  createTraceState,
  type Sampler,
  type SamplingResult,
  type TraceState,
  trace,
} from "@opentelemetry/api";

/** Whether a root span is sampled, and what its trace state says of the chance it had. */
export interface RootDecision {
  readonly isSampled: boolean;
  readonly traceState: TraceState | undefined;
}

/**
 * Ratios for root spans: one for all, and others by the path of the request. A rule is a path (`/search`), a prefix
 * (`/search*`), or a route (`/orders/:id`, `/orders/{id}`), of which any segment may be a parameter.
 *
 * A decision is a comparison of the trace id's random part with a threshold, so that services agree on it, and the
 * threshold goes along in `tracestate` so that whoever counts spans knows for how many each one stands.
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 */
export class Sampling {
  private readonly ratio: number;
  private readonly rules: Readonly<Record<string, number>>;
  private readonly all: Threshold | undefined;
  private readonly exact = new Map<string, Threshold | undefined>();
  private readonly patterns: {
    readonly weight: number;
    readonly fits: (path: string) => boolean;
    readonly threshold: Threshold | undefined;
  }[] = [];

  /** @param rules ratios by path, prefix or route; a path comes first, then the pattern with most text that fits */
  constructor(ratio: number, rules: Readonly<Record<string, number>>) {
    this.ratio = rules["*"] ?? ratio;
    this.rules = rules;
    this.all = thresholdOf(this.ratio);
    for (const [rule, own] of Object.entries(rules)) {
      const threshold = thresholdOf(own);
      if (rule === "*") continue;
      if (!PATTERN.test(rule)) this.exact.set(rule, threshold);
      else this.patterns.push({ weight: rule.replace(PARAMETER, "").length, fits: fitting(rule), threshold });
    }
    this.patterns.sort((a, b) => b.weight - a.weight);
  }

  /** Decides on a root span; `url` is that of an incoming request, if there is one. */
  decide(traceId: string, url?: string): RootDecision {
    const threshold = url === undefined ? this.all : this.thresholdFor(url);
    if (threshold === undefined) return ALWAYS;
    if (threshold.digits === undefined || traceId.slice(RANDOM_AT) < threshold.digits) return NEVER;
    return { isSampled: true, traceState: threshold.traceState };
  }

  /** In words, e.g. `as the parent, else 1 of all, /livez=0`. */
  toString(): string {
    const rules = Object.entries(this.rules).filter(([path]) => path !== "*");
    const told = rules.map(([path, ratio]) => `, ${path}=${ratio}`).join("");
    return `as the parent, else ${this.ratio} of all${told}`;
  }

  private thresholdFor(url: string): Threshold | undefined {
    if (this.exact.size === 0 && this.patterns.length === 0) return this.all;
    const question = url.indexOf("?");
    const path = question < 0 ? url : url.slice(0, question);
    if (this.exact.has(path)) return this.exact.get(path);
    for (const { fits, threshold } of this.patterns) if (fits(path)) return threshold;
    return this.all;
  }
}

/** A segment of a route that stands for any. */
const PARAMETER = /(?<=\/)(?::[^/*]+|\{[^/*]+\})/g;
const PATTERN = /\*$|\/:|\/\{/;

/** Whether a path is below a prefix, or one of a route. */
function fitting(rule: string): (path: string) => boolean {
  const isPrefix = rule.endsWith("*");
  const text = isPrefix ? rule.slice(0, -1) : rule;
  if (!PATTERN.test(text)) return (path) => path.startsWith(text);
  const fixed = text.split(PARAMETER).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const whole = new RegExp(`^${fixed.join("[^/]+")}${isPrefix ? "" : "/?$"}`);
  return (path) => whole.test(path);
}

/** Paths that probes ask for; their spans would be all that anyone sees. They are counted as any other. */
export const HEALTH_RULES: Readonly<Record<string, number>> = {
  "/livez": 0,
  "/readyz": 0,
  "/healthz": 0,
  "/health": 0,
};

const ALWAYS: RootDecision = { isSampled: true, traceState: undefined };
const NEVER: RootDecision = { isSampled: false, traceState: undefined };
/** The last 56 bits of a trace id are random. */
const RANDOM_AT = 18;
const RANDOM_DIGITS = 14;

interface Threshold {
  /** Least value of the random part that is sampled; none when nothing is. */
  readonly digits: string | undefined;
  /** The same as `tracestate` has it, without zeros at the end. */
  readonly short: string;
  readonly traceState: TraceState | undefined;
}

/** Nothing for "always". */
function thresholdOf(ratio: number): Threshold | undefined {
  if (ratio >= 1) return undefined;
  if (ratio <= 0) return { digits: undefined, short: "", traceState: undefined };
  const digits = Math.min(2 ** 48 - 1, Math.round((1 - ratio) * 2 ** 48))
    .toString(16)
    .padStart(12, "0");
  const short = digits.replace(/0+$/, "") || "0";
  return {
    digits: digits.padEnd(RANDOM_DIGITS, "0"),
    short,
    traceState: createTraceState(`ot=th:${short}`),
  };
}

/**
 * Decides on every span by itself, whatever became of its parent, by the same comparison: by the random value that the
 * trace brings along (`rv`), else by its id.
 */
export class RatioSampler implements Sampler {
  private readonly threshold: Threshold | undefined;
  private readonly ratio: number;

  constructor(ratio: number) {
    this.ratio = ratio;
    this.threshold = thresholdOf(ratio);
  }

  shouldSample(context: Context, traceId: string): SamplingResult {
    const state = trace.getSpanContext(context)?.traceState;
    const members = (state?.get("ot") ?? "").split(";").filter((member) => member !== "");
    const random = members.find((member) => /^rv:[0-9a-f]{14}$/.test(member))?.slice(3);
    const { digits, short } = this.threshold ?? { digits: "", short: "0" };
    const isSampled = digits !== undefined && (random ?? traceId.slice(RANDOM_AT)) >= digits;
    const others = members.filter((member) => !member.startsWith("th:"));
    // Without a threshold before it, "always" need not be said.
    const isTold = isSampled && (this.threshold !== undefined || others.length < members.length);
    const own = (isTold ? [`th:${short}`, ...others] : others).join(";");
    const traceState = own === "" ? state?.unset("ot") : (state ?? createTraceState()).set("ot", own);
    // SamplingDecision's RECORD_AND_SAMPLED and NOT_RECORD.
    return { decision: isSampled ? 2 : 0, ...(traceState === undefined ? {} : { traceState }) };
  }

  toString(): string {
    return `${this.ratio} of all, whatever the parent`;
  }
}
