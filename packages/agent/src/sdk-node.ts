import Module, { createRequire } from "node:module";
import type { NodeSDK as NodeSDKClass } from "@opentelemetry/sdk-node";

const SELDOM_USED =
  /^@opentelemetry\/(?:exporter-.+|configuration|propagator-.+|otlp-.+|sdk-trace-node|context-async-hooks)$/;

/**
 * OpenTelemetry's `NodeSDK`, with what it loads in advance for settings that few have (gRPC, Zipkin and Prometheus
 * exporters, the YAML configuration) loaded only once it is used: half of the time and memory that it takes to start.
 */
export const NodeSDK: typeof NodeSDKClass = loadLazily();

function loadLazily(): typeof NodeSDKClass {
  const require = createRequire(import.meta.url);
  const loader = Module as unknown as { _load: Load };
  const original = loader._load;
  loader._load = function load(request, parent, isMain) {
    if (!SELDOM_USED.test(request) || parent?.filename?.includes("sdk-node") !== true)
      return Reflect.apply(original, this, [request, parent, isMain]);
    return lazily(() => Reflect.apply(original, loader, [request, parent, isMain]) as object);
  };
  try {
    return (require("@opentelemetry/sdk-node") as { NodeSDK: typeof NodeSDKClass }).NodeSDK;
  } finally {
    loader._load = original;
  }
}

type Load = (
  this: unknown,
  request: string,
  parent: { filename?: string } | undefined,
  isMain: boolean,
) => unknown;

/** Compiled modules take what they import off its exports at the place of use, so that is when it is loaded. */
function lazily(load: () => object): object {
  let loaded: object | undefined;
  return new Proxy(
    {},
    {
      get(_target, key) {
        loaded ??= load();
        return Reflect.get(loaded, key);
      },
      has(_target, key) {
        loaded ??= load();
        return Reflect.has(loaded, key);
      },
    },
  );
}
