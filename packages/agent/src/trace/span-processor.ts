import { TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { SpanBatch } from "./span-batch.js";

/** Brings spans that user code and library instrumentation make by the SDK into the agent's batch. */
export class BatchingSpanProcessor implements SpanProcessor {
  private readonly batch: SpanBatch;
  private readonly flush: () => Promise<void>;

  constructor(batch: SpanBatch, flush: () => Promise<void>) {
    this.batch = batch;
    this.flush = flush;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) this.batch.add(span);
  }

  forceFlush(): Promise<void> {
    return this.flush();
  }

  shutdown(): Promise<void> {
    return this.flush();
  }
}
