import { createForwarder, createTransform } from "../export/index.js";
import type { Spool } from "../spool/index.js";
import type { PartContext } from "./parts.js";

/** The spool's consumer of `forward`. */
export const FORWARD_CONSUMER = "forward";

/** Begins to pass OTLP on to the endpoints of `forward`, if there are any. */
export function startForwarding(context: PartContext, spool: Spool): void {
  const { config, clock, logger, registry, closers } = context;
  if (config.forward.endpoints.length === 0) return;
  const transform = createTransform({
    redact: config.redact,
    sample: config.sample,
    resourceAttributes: config.forward.resource_attributes,
  });
  const consumer = spool.consumer(FORWARD_CONSUMER);
  const forwarder = createForwarder(config.forward, {
    name: FORWARD_CONSUMER,
    consumer,
    transform,
    clock,
    logger,
    registry,
  });
  closers.add("forwarding", forwarder);
}
