import { revealHeaders } from "../config/http-auth.js";
import type { CollectorConfig } from "../config/schema.js";
import type { MetricsEngineConfig } from "../metrics-engine/config.js";
import { RemoteWriteConfig } from "../remote-write/config.js";

/** The Prometheus-compatible server that metrics live in; undefined when they live with us. */
export function metricsEngineOf({ store }: CollectorConfig): MetricsEngineConfig | undefined {
  return typeof store === "object" ? store.metrics : undefined;
}

/** Every target of remote write: those configured, and the metrics engine. */
export function remoteWriteTargets(config: CollectorConfig): readonly RemoteWriteConfig[] {
  const exporters = config.exporters.flatMap(({ name, prometheus_remote_write: write }) =>
    write ? [{ ...write, name: `exporter-${name}` }] : [],
  );
  const own = [...config.remote_write, ...exporters];
  const engine = metricsEngineOf(config)?.prometheus;
  if (engine?.remote_write_url === undefined) return own;
  const target = RemoteWriteConfig.parse({
    name: "metrics-engine",
    url: engine.remote_write_url,
    headers: revealHeaders(engine.headers),
    authorization: engine.bearer_token && { credentials: engine.bearer_token.reveal() },
  });
  return [...own, target];
}

/** The spool's consumer of one remote-write target. */
export function remoteWriteConsumer(name: string): string {
  return `remote-write-${name}`;
}
