import { createForwarder, createTransform } from "../export/index.js";
import type { Spool } from "../spool/index.js";
import { forwardTargets } from "./forward-targets.js";
import type { PartContext } from "./parts.js";

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
