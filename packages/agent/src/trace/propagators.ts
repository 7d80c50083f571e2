import { createRequire } from "node:module";
import type { TextMapPropagator } from "@opentelemetry/api";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
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
      return load("@opentelemetry/propagator-b3", "B3Propagator");
    case "b3multi":
      // 1 is the form of one header per value.
      return load("@opentelemetry/propagator-b3", "B3Propagator", { injectEncoding: 1 });
    case "jaeger":
      return load("@opentelemetry/propagator-jaeger", "JaegerPropagator");
    default:
      return undefined;
  }
}

/** Loaded when named; `sdk-node` brings them along. */
function load(packageName: string, className: string, options?: object): TextMapPropagator | undefined {
  const require = createRequire(createRequire(import.meta.url).resolve("@opentelemetry/sdk-node"));
  const exported = require(packageName) as Record<string, new (options?: object) => TextMapPropagator>;
  const Propagator = exported[className];
  return Propagator === undefined ? undefined : new Propagator(options);
}
