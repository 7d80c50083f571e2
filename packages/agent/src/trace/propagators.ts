import type { TextMapPropagator } from "@opentelemetry/api";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { onDemand } from "../on-demand/load.js";
import type { EnvReader } from "../settings/env.js";

/** The propagators that `OTEL_PROPAGATORS` may name. */
export const PROPAGATORS = ["tracecontext", "baggage", "b3", "b3multi", "jaeger", "none"] as const;

/** The propagator for the names in `OTEL_PROPAGATORS`, W3C's trace context and baggage by default; none for "none". */
export function readPropagator(env: EnvReader): TextMapPropagator | null {
  const names = env.list("OTEL_PROPAGATORS") ?? ["tracecontext", "baggage"];
  if (names.includes("none")) return null;
  return new CompositePropagator({ propagators: names.flatMap((name) => make(name) ?? []) });
}

function make(name: string): TextMapPropagator | undefined {
  switch (name) {
    case "tracecontext":
      return new W3CTraceContextPropagator();
    case "baggage":
      return new W3CBaggagePropagator();
    case "b3":
      return new (onDemand("propagators").B3Propagator)();
    case "b3multi":
      // 1 is the form of one header per value.
      return new (onDemand("propagators").B3Propagator)({ injectEncoding: 1 });
    case "jaeger":
      return new (onDemand("propagators").JaegerPropagator)();
    default:
      return undefined;
  }
}
