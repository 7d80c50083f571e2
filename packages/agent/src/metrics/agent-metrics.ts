import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { DROP_REASONS, type Shared, SIGNALS } from "../send/protocol.js";
import { hrTimeOf, type MetricSource, type NumberPoint, sum } from "./metric-data.js";

/** What the agent did with telemetry: items delivered, and items given up with the reason. */
export class AgentMetrics implements MetricSource {
  private readonly scope: ScopeMetrics["scope"];
  private readonly startMs: number;
  private readonly shared: Shared;

  constructor(deps: { scope: ScopeMetrics["scope"]; startMs: number; shared: Shared }) {
    this.scope = deps.scope;
    this.startMs = deps.startMs;
    this.shared = deps.shared;
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
        ],
      },
    ];
  }
}
