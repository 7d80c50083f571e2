import type { CollectorConfig } from "../config/schema.js";
import { createForwarder, createTransform, type ForwardConfig } from "../export/index.js";
import type { Spool } from "../spool/index.js";
import type { PartContext } from "./parts.js";

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

/** Begins to pass OTLP on; a target that is away delays no other. */
export function startForwarding(context: PartContext, spool: Spool): void {
  const { clock, logger, registry, closers } = context;
  const { redact, sample } = context.config;
  for (const { name, config } of forwardTargets(context.config)) {
    const transform = createTransform({ redact, sample, resourceAttributes: config.resource_attributes });
    const consumer = spool.consumer(name);
    closers.add(name, createForwarder(config, { name, consumer, transform, clock, logger, registry }));
  }
}
