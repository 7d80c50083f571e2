import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { InFlight } from "../http/in-flight.js";
import type { OpenConnections } from "../http/open-connections.js";
import type { RequestCells } from "../http/request-cells.js";
import { durations, hrTimeOf, type MetricSource, sum } from "./metric-data.js";

/** The HTTP metrics of semantic conventions, from the numbers that the spans are made of. Never sampled. */
export class HttpMetrics implements MetricSource {
  private readonly scope: ScopeMetrics["scope"];
  private readonly startMs: number;
  private readonly server: RequestCells;
  private readonly client: RequestCells;
  private readonly inFlight: InFlight;
  private readonly connections: OpenConnections;

  constructor(deps: {
    scope: ScopeMetrics["scope"];
    startMs: number;
    server: RequestCells;
    client: RequestCells;
    inFlight: InFlight;
    connections: OpenConnections;
  }) {
    this.scope = deps.scope;
    this.startMs = deps.startMs;
    this.server = deps.server;
    this.client = deps.client;
    this.inFlight = deps.inFlight;
    this.connections = deps.connections;
  }

  collect(nowMs: number): ScopeMetrics[] {
    const span = { startTime: hrTimeOf(this.startMs), endTime: hrTimeOf(nowMs) };
    return [
      {
        scope: this.scope,
        metrics: [
          durations(
            {
              name: "http.server.request.duration",
              unit: "s",
              description: "Duration of HTTP server requests.",
            },
            span,
            this.server,
          ),
          durations(
            {
              name: "http.client.request.duration",
              unit: "s",
              description: "Duration of HTTP client requests.",
            },
            span,
            this.client,
          ),
          sum(
            {
              name: "http.server.active_requests",
              unit: "{request}",
              description: "HTTP server requests in flight.",
            },
            span,
            Array.from(this.inFlight, ({ method, scheme, value }) => ({
              value,
              attributes: { "http.request.method": method, "url.scheme": scheme },
            })),
            false,
          ),
          sum(
            {
              name: "http.client.open_connections",
              unit: "{connection}",
              description: "Connections of fetch and undici, by server and state.",
            },
            span,
            Array.from(this.connections).flatMap(({ address, port, active, idle }) => {
              const server = { "server.address": address, "server.port": port };
              return [
                { value: active, attributes: { ...server, "http.connection.state": "active" } },
                { value: idle, attributes: { ...server, "http.connection.state": "idle" } },
              ];
            }),
            false,
          ),
        ],
      },
    ];
  }
}
