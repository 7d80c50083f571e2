import type { CollectorConfig } from "../config/schema.js";
import type { ForwardConfig } from "../export/config.js";

/** One OTLP backend with its own place in the spool. */
interface ForwardTarget {
  readonly name: string;
  readonly config: ForwardConfig;
}

/** Everything that OTLP is passed on to: `forward`, and each of `exporters`. */
export function forwardTargets(config: CollectorConfig): readonly ForwardTarget[] {
  const { forward, exporters } = config;
  return [
    ...(forward.endpoints.length > 0 ? [{ name: "forward", config: forward }] : []),
    ...exporters.flatMap(({ name, otlp }) => (otlp ? [{ name: `exporter-${name}`, config: otlp }] : [])),
  ];
}
