import { Counter, Gauge, type Registry } from "prom-client";

/** Where a request came in. */
export type Transport = "otlp-http" | "otlp-grpc" | "zipkin" | "loki";

/**
 * What receivers count. For every request that could be read:
 * received items = accepted items + rejected items (by reason) + failed items (refused whole, retryable).
 * Requests answered ok or partial are as many as the spool has appended of traces, metrics and logs.
 */
export class ReceiveMetrics {
  readonly requests: Counter<"transport" | "signal" | "answer">;
  readonly refused: Counter<"transport" | "reason">;
  readonly receivedItems: Counter<"signal">;
  readonly acceptedItems: Counter<"signal">;
  readonly rejectedItems: Counter<"signal" | "reason">;
  readonly failedItems: Counter<"signal">;
  readonly cut: Counter<"what">;
  readonly bytes: Counter<"transport">;
  /** Asked when the metrics are read. */
  readonly connectionsOf = new Map<Transport, () => number>();

  constructor(registry: Registry, admission: { readonly inFlightBytes: number; readonly waiting: number }) {
    const registers = [registry];
    this.requests = new Counter({
      name: "tocsin_receive_requests_total",
      help: "Requests by what came of them: ok, partial (some items rejected), nothing_kept (taken, but empty or all items rejected), refused.",
      labelNames: ["transport", "signal", "answer"],
      registers,
    });
    this.refused = new Counter({
      name: "tocsin_receive_refused_requests_total",
      help: "Requests that were not taken, by reason.",
      labelNames: ["transport", "reason"],
      registers,
    });
    this.receivedItems = new Counter({
      name: "tocsin_receive_received_items_total",
      help: "Spans, log records and points in requests that could be read.",
      labelNames: ["signal"],
      registers,
    });
    this.acceptedItems = new Counter({
      name: "tocsin_receive_accepted_items_total",
      help: "Items made durable and acknowledged.",
      labelNames: ["signal"],
      registers,
    });
    this.rejectedItems = new Counter({
      name: "tocsin_receive_rejected_items_total",
      help: "Items left out of an acknowledged request and named in its partial success, by reason.",
      labelNames: ["signal", "reason"],
      registers,
    });
    this.failedItems = new Counter({
      name: "tocsin_receive_failed_items_total",
      help: "Items of requests that could be read but not made durable; their senders were told to come back.",
      labelNames: ["signal"],
      registers,
    });
    this.cut = new Counter({
      name: "tocsin_receive_cut_total",
      help: "Attributes that were dropped (attributes) or shortened (attribute_length) to keep the limits.",
      labelNames: ["what"],
      registers,
    });
    this.bytes = new Counter({
      name: "tocsin_receive_bytes_total",
      help: "Bytes of bodies as they came over the wire.",
      labelNames: ["transport"],
      registers,
    });
    const { connectionsOf } = this;
    new Gauge({
      name: "tocsin_receive_connections",
      help: "Open connections of senders.",
      labelNames: ["transport"],
      registers,
      collect() {
        for (const [transport, connections] of connectionsOf) this.set({ transport }, connections());
      },
    });
    new Gauge({
      name: "tocsin_receive_in_flight_bytes",
      help: "Bytes of requests that are being received.",
      registers,
      collect() {
        this.set(admission.inFlightBytes);
      },
    });
    new Gauge({
      name: "tocsin_receive_waiting_requests",
      help: "Requests that wait for room before their bodies are read.",
      registers,
      collect() {
        this.set(admission.waiting);
      },
    });
  }
}
