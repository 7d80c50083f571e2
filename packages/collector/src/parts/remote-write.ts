import type { Router } from "express";
import { RemoteWriteExporter } from "../remote-write/exporter.js";
import { remoteWriteRoutes } from "../remote-write/receive-routes.js";
import type { Spool } from "../spool/index.js";
import { remoteWriteConsumer, remoteWriteTargets } from "./metrics-engine.js";
import type { PartContext } from "./parts.js";

/** Begins to send metrics to every target of `remote_write`, each from its own place in the spool. */
export function startRemoteWrite(
  { config, clock, logger, registry, closers }: PartContext,
  spool: Spool,
): void {
  for (const target of remoteWriteTargets(config)) {
    const exporter = new RemoteWriteExporter(
      { target, head: config.metrics },
      { consumer: spool.consumer(remoteWriteConsumer(target.name)), clock, logger, registry, fetch },
    );
    closers.add(`remote write to ${target.name}`, exporter);
    exporter.start();
  }
}

/** Takes metrics by remote write; what it acknowledges is in the spool. */
export function remoteWriteDoor({ config, clock, registry }: PartContext, spool: Spool): Router {
  return remoteWriteRoutes({
    append: (record) => spool.append(record),
    clock,
    registry,
    maxBytes: config.limits.max_request_size,
  });
}
