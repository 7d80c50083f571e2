import { createForwarder, createTransform } from "../export/index.js";
import type { Spool } from "../spool/index.js";
import { forwardTargets } from "./forward-targets.js";
import type { PartContext } from "./parts.js";

/** Begins to pass OTLP on; a target that is away delays no other. */
export async function startForwarding(context: PartContext, spool: Spool): Promise<void> {
  const { clock, logger, registry, closers } = context;
  const { redact, sample } = context.config;
  for (const { name, config } of forwardTargets(context.config)) {
    const transform = createTransform({ redact, sample, resourceAttributes: config.resource_attributes });
    const consumer = spool.consumer(name);
    // Metrics and logs are not to wait for traces that are decided on late.
    const signals = sample.tail && (["metrics", "logs", "samples"] as const);
    const common = { transform, clock, logger, registry };
    closers.add(name, await createForwarder(config, { ...common, name, consumer, signals }));
    if (!sample.tail) continue;
    // Loaded where it is wanted, and nowhere else.
    const { forwardTraces } = await import("./tail-sampling.js");
    await forwardTraces(context, spool, { name, config }, sample.tail);
  }
}
