import type { Attributes } from "@opentelemetry/api";
import { SIGNALS } from "../send/protocol.js";
import type { Settings } from "../settings/settings.js";

/** What `TOCSIN_LOG=debug` tells at start beyond the one line: where each signal goes and how often, and who sends. */
export function detailsOf(settings: Settings, resource: Attributes, places: readonly string[]): string[] {
  const { destinations, sampler, logSources } = settings;
  const ways = SIGNALS.map(
    (signal) => `${signal} to ${destinations[signal]?.url ?? "no OTLP of the agent's own"}`,
  );
  const intervals = `spans every ${settings.batchDelayMs} ms, log lines every ${settings.logDelayMs} ms, metrics every ${settings.metricIntervalMs} ms`;
  return [
    [...ways, ...places.map((place) => `also to ${place}`)].join(", "),
    `${intervals}; loggers: ${logSources.join(" ") || "none"}; sampling: ${sampler.custom ?? sampler.roots}`,
    `resource ${Object.entries(resource)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(" ")}`,
  ];
}
