import { RemoteWriteExporter } from "../remote-write/exporter.js";
import type { Spool } from "../spool/index.js";
import { remoteWriteTargets } from "./metrics-engine.js";
import type { PartContext } from "./parts.js";

/** The spool's consumer of one remote-write target. */
export function remoteWriteConsumer(name: string): string {
  return `remote-write-${name}`;
}

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
