import { type Context, type Sampler, type SamplingResult, TraceFlags, trace } from "@opentelemetry/api";
import type { EnvReader } from "../settings/env.js";
import { HEALTH_RULES, RatioSampler, Sampling } from "./sampling.js";

const NAMES = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/** How spans are sampled. */
export interface SamplerChoice {
  /** What the agent's own path goes by: the parent's decision, and this for roots. */
  readonly roots: Sampling;
  /** Asked instead, for each span, when sampling does not go by the parent. */
  readonly custom: Sampler | undefined;
}

/**
 * The sampler that `OTEL_TRACES_SAMPLER` names, by default "as the parent, else always", and the rules by path of
 * `TOCSIN_SAMPLE` (`/search*=0.1,/orders/:id=0.5`), which apply where sampling goes by the parent.
 */
export function readSampler(env: EnvReader, rules: Readonly<Record<string, number>> = {}): SamplerChoice {
  const name = env.choice("OTEL_TRACES_SAMPLER", NAMES, "parentbased_always_on");
  const all = { ...HEALTH_RULES, ...readRules(env), ...rules };
  if (!name.startsWith("parentbased_") && Object.keys(env.pairs("TOCSIN_SAMPLE")).length > 0)
    env.fault(`TOCSIN_SAMPLE has no effect: OTEL_TRACES_SAMPLER=${name} decides on every span by itself.`);
  const roots = (ratio: number): SamplerChoice => ({ roots: new Sampling(ratio, all), custom: undefined });
  switch (name) {
    case "parentbased_always_on":
      return roots(1);
    case "parentbased_always_off":
      return roots(0);
    case "parentbased_traceidratio":
      return roots(readRatio(env));
    case "always_on":
      return { ...roots(1), custom: new RatioSampler(1) };
    case "always_off":
      return { ...roots(0), custom: new RatioSampler(0) };
    case "traceidratio":
      return { ...roots(1), custom: new RatioSampler(readRatio(env)) };
  }
}

/** The same decisions for spans that the SDK makes. */
export class ParentOrRootSampler implements Sampler {
  private readonly roots: Sampling;

  constructor(roots: Sampling) {
    this.roots = roots;
  }

  shouldSample(context: Context, traceId: string): SamplingResult {
    const parent = trace.getSpanContext(context);
    if (parent !== undefined && trace.isSpanContextValid(parent)) {
      const decision = (parent.traceFlags & TraceFlags.SAMPLED) !== 0 ? RECORD : DROP;
      return { decision, ...(parent.traceState === undefined ? {} : { traceState: parent.traceState }) };
    }
    const { isSampled, traceState } = this.roots.decide(traceId);
    return { decision: isSampled ? RECORD : DROP, ...(traceState === undefined ? {} : { traceState }) };
  }

  toString(): string {
    return "ParentOrRootSampler";
  }
}

const DROP = 0;
const RECORD = 2;

function readRatio(env: EnvReader): number {
  const ratio = env.number("OTEL_TRACES_SAMPLER_ARG", 1);
  if (ratio <= 1) return ratio;
  env.fault("OTEL_TRACES_SAMPLER_ARG must be a ratio between 0 and 1; using 1.");
  return 1;
}

function readRules(env: EnvReader): Record<string, number> {
  const rules: Record<string, number> = {};
  for (const [path, text] of Object.entries(env.pairs("TOCSIN_SAMPLE"))) {
    const ratio = Number(text);
    if (ratio >= 0 && ratio <= 1 && (path.startsWith("/") || path === "*")) rules[path] = ratio;
    else
      env.fault(
        `TOCSIN_SAMPLE has a part that is not PATH=RATIO (e.g. /search*=0.1); that part is left out.`,
      );
  }
  return rules;
}
