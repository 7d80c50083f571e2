import type { Attributes } from "@opentelemetry/api";
import { LogBatch } from "./logs/log-batch.js";
import { LogRecordBatch } from "./logs/log-record-batch.js";
import { writeAttributes } from "./otlp/attributes.js";
import { ByteWriter } from "./otlp/byte-writer.js";
import { type EncodableScope, metricsRequest } from "./otlp/encode-metrics.js";
import { AGENT_SCOPE } from "./scope.js";
import type { Note } from "./send/protocol.js";
import { logsRequest } from "./send/requests.js";
import { Sender } from "./send/sender.js";
import type { Settings } from "./settings/settings.js";
import { SpanClock } from "./trace/clock.js";
import { SpanBatch } from "./trace/span-batch.js";

/**
 * From ended spans, log lines and metric points to the worker thread: what gathers, and when it is handed over.
 */
export class Pipeline {
  readonly clock = new SpanClock();
  readonly spans: SpanBatch;
  readonly logs: LogBatch | undefined;
  /** Records of the Logs API. */
  readonly logRecords: LogRecordBatch;
  readonly sender: Sender;
  private readonly resource: Uint8Array;
  private readonly timers: readonly NodeJS.Timeout[];

  constructor(settings: Settings, resource: Attributes, note: (note: Note) => void) {
    this.resource = resourceBytes(resource);
    this.sender = new Sender({
      destinations: settings.destinations,
      resource: this.resource,
      logScope: scopeBytes(AGENT_SCOPE),
      logLimits: settings.logLimits,
      redaction: settings.redaction,
      limitBytes: settings.bufferBytes,
      note,
    });
    const onFull = (): void => this.handOver();
    this.spans = new SpanBatch({
      clock: this.clock,
      limitBytes: BATCH_BYTES,
      onFull,
      onInvalid: () => this.sender.shared.drop("traces", "invalid", 1),
    });
    this.logs =
      settings.destinations.logs === undefined
        ? undefined
        : new LogBatch({ limitBytes: BATCH_BYTES, onFull });
    this.logRecords = new LogRecordBatch({ limitBytes: BATCH_BYTES, flush: async () => this.handOver() });
    const { batchDelayMs, logDelayMs } = settings;
    // One timer for both, so that the event loop is woken once.
    this.timers =
      batchDelayMs === logDelayMs
        ? [setInterval(onFull, batchDelayMs)]
        : [
            setInterval(() => this.handOverSpans(), batchDelayMs),
            setInterval(() => this.handOverLogs(), logDelayMs),
          ];
    for (const timer of this.timers) timer.unref();
  }

  /** Gives spans and log lines to the worker thread. */
  handOver(): void {
    this.handOverSpans();
    this.handOverLogs();
  }

  private handOverSpans(): void {
    const batches = this.spans.take();
    if (batches.length > 0) {
      const count = batches.reduce((sum, batch) => sum + batch.count, 0);
      this.sender.postSpans(
        batches.map(({ scope, bytes }) => ({
          scope: scopeBytes(scope),
          spans: bytes,
          schemaUrl: scope.schemaUrl,
        })),
        count,
      );
    }
  }

  private handOverLogs(): void {
    const lines = this.logs?.take();
    if (lines !== undefined) this.sender.postLogs(lines);
    for (const { scope, records, count } of this.logRecords.take())
      this.sender.postLogRecords(joined(logsRequest(this.resource, scopeBytes(scope), records)), count);
  }

  sendMetrics(scopes: readonly EncodableScope[]): void {
    const { body, count } = metricsRequest(this.resource, scopes);
    if (count > 0) this.sender.postMetrics(body, count);
  }

  async close(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.sender.stop();
  }
}

/** In a buffer of its own, which can be handed to another thread. */
function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A batch is handed over early at this size, so that no single message is large. */
const BATCH_BYTES = 512 << 10;

function resourceBytes(attributes: Attributes): Uint8Array {
  const writer = new ByteWriter(1024);
  writeAttributes(writer, 0x0a, attributes);
  return writer.finished();
}

function scopeBytes(scope: { name: string; version?: string }): Uint8Array {
  const writer = new ByteWriter(64);
  writer.string(0x0a, scope.name);
  if (scope.version !== undefined) writer.string(0x12, scope.version);
  return writer.finished();
}
