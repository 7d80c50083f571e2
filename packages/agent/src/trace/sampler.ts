import type { Sampler } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import type { EnvReader } from "../settings/env.js";

const NAMES = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/**
 * The sampler that `OTEL_TRACES_SAMPLER` names. Nothing for the default, "as the parent, else always", which the agent
 * decides without asking anyone.
 */
export function readSampler(env: EnvReader): Sampler | undefined {
  const name = env.choice("OTEL_TRACES_SAMPLER", NAMES, "parentbased_always_on");
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(readRatio(env));
    case "parentbased_always_on":
      return undefined;
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(readRatio(env)) });
  }
}

function readRatio(env: EnvReader): number {
  const ratio = env.number("OTEL_TRACES_SAMPLER_ARG", 1);
  if (ratio <= 1) return ratio;
  env.faults.push("OTEL_TRACES_SAMPLER_ARG must be a ratio between 0 and 1; using 1.");
  return 1;
}
