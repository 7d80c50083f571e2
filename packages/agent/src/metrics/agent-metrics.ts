import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { Watched } from "../lifecycle/watched.js";
import { DROP_REASONS, type Shared, SIGNALS } from "../send/protocol.js";
import { gauge, hrTimeOf, type MetricSource, type NumberPoint, sum } from "./metric-data.js";

/** What the agent did with telemetry, items delivered and given up with the reason, and which libraries it watches. */
export class AgentMetrics implements MetricSource {
  private readonly scope: ScopeMetrics["scope"];
  private readonly startMs: number;
  private readonly shared: Shared;
  private readonly watched: Watched;

  constructor(deps: { scope: ScopeMetrics["scope"]; startMs: number; shared: Shared; watched: Watched }) {
    this.scope = deps.scope;
    this.startMs = deps.startMs;
    this.shared = deps.shared;
    this.watched = deps.watched;
  }

  collect(nowMs: number): ScopeMetrics[] {
    const span = { startTime: hrTimeOf(this.startMs), endTime: hrTimeOf(nowMs) };
    const delivered = SIGNALS.map((signal) => ({
      attributes: { signal },
      value: this.shared.delivered(signal),
    }));
    const dropped: NumberPoint[] = SIGNALS.flatMap((signal) =>
      DROP_REASONS.map((reason) => ({
        attributes: { signal, reason },
        value: this.shared.dropped(signal, reason),
      })),
    ).filter(({ value }) => value > 0);
    return [
      {
        scope: this.scope,
        metrics: [
          sum(
            {
              name: "tocsin_agent_delivered_total",
              unit: "{item}",
              description: "Items that the collector took.",
            },
            span,
            delivered,
            true,
          ),
          sum(
            { name: "tocsin_agent_dropped_total", unit: "{item}", description: "Items given up, by reason." },
            span,
            dropped,
            true,
          ),
          gauge(
            {
              name: "tocsin_agent_library",
              unit: "",
              description: "1 for each library that is watched, 0 with the reason for one that is not.",
            },
            span,
            libraries(this.watched),
          ),
        ],
      },
    ];
  }
}

function libraries({ patched, missed }: Watched): NumberPoint[] {
  return [
    ...Array.from(patched, (library) => ({ attributes: { library }, value: 1 })),
    ...Array.from(missed, ([library, reason]) => ({ attributes: { library, reason }, value: 0 })),
  ];
}
