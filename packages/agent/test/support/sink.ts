import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { attributesOf, decodeRequest, plain } from "./otlp-schema.js";

type Attributes = Record<string, unknown>;

export interface SeenSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  startNano: bigint;
  endNano: bigint;
  attributes: Attributes;
  events: { name: string; attributes: Attributes }[];
  links: { traceId: string; attributes: Attributes }[];
  status: { code?: number; message?: string };
  flags: number;
  traceState: string;
  scope: string;
  resource: Attributes;
}

export interface SeenLog {
  body: unknown;
  severityNumber: number;
  severityText: string;
  traceId: string;
  spanId: string;
  attributes: Attributes;
  resource: Attributes;
}

export interface SeenPoint {
  attributes: Attributes;
  /** Number, or the count of a histogram. */
  value: number;
  sum?: number;
  bucketCounts?: number[];
  explicitBounds?: number[];
  quantiles?: { quantile: number; value: number }[];
  exemplars: { value: number; traceId: string; attributes: Attributes }[];
}

export interface SeenMetric {
  name: string;
  unit: string;
  description: string;
  kind: (typeof KINDS)[number];
  isMonotonic: boolean;
  points: SeenPoint[];
  scope: string;
}

const KINDS = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"] as const;

/** A real OTLP/HTTP receiver for tests: keeps what it gets, decoded by a generic protobuf library. */
export class Sink {
  readonly spans: SeenSpan[] = [];
  readonly logs: SeenLog[] = [];
  /** The latest of each name. */
  readonly metrics = new Map<string, SeenMetric>();
  readonly requests: { path: string; headers: NodeJS.Dict<string | string[]> }[] = [];
  /** How requests are answered; may be changed on the way. */
  status = 200;
  answerHeaders: Record<string, string> = {};
  private readonly server: Server;
  private waiting: (() => void)[] = [];

  private constructor(server: Server) {
    this.server = server;
  }

  static async open(): Promise<Sink> {
    const sink: Sink = new Sink(
      createServer((request, response) => {
        const parts: Buffer[] = [];
        request.on("data", (part: Buffer) => parts.push(part));
        request.on("end", () => {
          sink.requests.push({ path: request.url ?? "", headers: request.headers });
          response.writeHead(sink.status, sink.answerHeaders).end();
          const raw = Buffer.concat(parts);
          if (sink.status === 200 && request.url?.startsWith("/v1/"))
            sink.take(
              request.url ?? "",
              request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw,
            );
          for (const wake of sink.waiting.splice(0)) wake();
        });
      }),
    );
    await new Promise<void>((resolve) => sink.server.listen(0, "127.0.0.1", resolve));
    return sink;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Waits for something to have arrived; woken by each request. */
  async until<T>(look: () => T | undefined | false, timeoutMs = 15_000): Promise<T> {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0)
        throw new Error(
          `not seen in ${timeoutMs} ms; spans: ${this.spans.map(({ name }) => name).join(", ")}; logs: ${this.logs.length}; metrics: ${[...this.metrics.keys()].join(", ")}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** A span by name. */
  span(name: string): Promise<SeenSpan> {
    return this.until(() => this.spans.find((span) => span.name === name));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  // biome-ignore lint/suspicious/noExplicitAny: a decoded message is as the wire has it.
  private take(path: string, body: Buffer): any {
    const signal = path.replace("/v1/", "") as "traces" | "metrics" | "logs";
    // biome-ignore lint/suspicious/noExplicitAny: see above.
    const request = decodeRequest(signal, body) as any;
    for (const entry of request.resourceSpans ?? [])
      for (const scoped of entry.scopeSpans ?? [])
        for (const span of scoped.spans ?? [])
          this.spans.push({
            traceId: hex(span.traceId),
            spanId: hex(span.spanId),
            parentSpanId: hex(span.parentSpanId),
            name: span.name,
            kind: span.kind,
            startNano: BigInt(span.startTimeUnixNano),
            endNano: BigInt(span.endTimeUnixNano),
            attributes: attributesOf(span.attributes),
            // biome-ignore lint/suspicious/noExplicitAny: see above.
            events: (span.events ?? []).map((event: any) => ({
              name: event.name,
              attributes: attributesOf(event.attributes),
            })),
            // biome-ignore lint/suspicious/noExplicitAny: see above.
            links: (span.links ?? []).map((link: any) => ({
              traceId: hex(link.traceId),
              attributes: attributesOf(link.attributes),
            })),
            status: span.status ?? {},
            flags: span.flags ?? 0,
            traceState: span.traceState ?? "",
            scope: scoped.scope?.name,
            resource: attributesOf(entry.resource?.attributes),
          });
    for (const entry of request.resourceLogs ?? [])
      for (const scoped of entry.scopeLogs ?? [])
        for (const record of scoped.logRecords ?? [])
          this.logs.push({
            body: plain(record.body),
            severityNumber: record.severityNumber,
            severityText: record.severityText,
            traceId: hex(record.traceId),
            spanId: hex(record.spanId),
            attributes: attributesOf(record.attributes),
            resource: attributesOf(entry.resource?.attributes),
          });
    for (const entry of request.resourceMetrics ?? [])
      for (const scoped of entry.scopeMetrics ?? [])
        for (const metric of scoped.metrics ?? []) {
          const kind = KINDS.find((key) => key in metric);
          if (kind === undefined) continue;
          this.metrics.set(metric.name, {
            name: metric.name,
            unit: metric.unit ?? "",
            description: metric.description ?? "",
            kind,
            isMonotonic: metric[kind].isMonotonic === true,
            scope: scoped.scope?.name,
            // biome-ignore lint/suspicious/noExplicitAny: see above.
            points: (metric[kind].dataPoints ?? []).map((point: any) => ({
              attributes: attributesOf(point.attributes),
              value: Number(point.asDouble ?? point.asInt ?? point.count ?? 0),
              sum: point.sum,
              bucketCounts: point.bucketCounts?.map(Number),
              explicitBounds: point.explicitBounds,
              quantiles: point.quantileValues,
              // biome-ignore lint/suspicious/noExplicitAny: see above.
              exemplars: (point.exemplars ?? []).map((exemplar: any) => ({
                value: exemplar.asDouble,
                traceId: hex(exemplar.traceId),
                attributes: attributesOf(exemplar.filteredAttributes),
              })),
            })),
          });
        }
  }
}

function hex(bytes: Buffer | undefined): string {
  return bytes === undefined ? "" : bytes.toString("hex");
}
