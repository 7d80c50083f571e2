import type { LogColumns, SpanColumns } from "../../otlp/index.js";
import type { SpoolBatch } from "../../spool/record.js";
import { Placement } from "../placement.js";
import type { BatchEncoder, EncodedBatch, EncoderSettings } from "./encoded-batch.js";
import { logSource, spanSource } from "./row-source.js";
import { TableEncoder } from "./table-encoder.js";

/** Encodes batches in the thread that asks for it. */
export class InlineEncoder implements BatchEncoder {
  readonly #placement: Placement;
  readonly #traces: TableEncoder<SpanColumns>;
  readonly #logs: TableEncoder<LogColumns>;

  constructor({ shardCount, retentionMs }: EncoderSettings) {
    this.#placement = new Placement(shardCount);
    this.#traces = new TableEncoder(spanSource(), this.#placement, retentionMs.traces);
    this.#logs = new TableEncoder(logSource(), this.#placement, retentionMs.logs);
  }

  encodeNow({ records, token }: Pick<SpoolBatch, "records" | "token">): EncodedBatch {
    const batchShard = this.#placement.ofToken(token);
    return {
      traces: this.#traces.encode(records, batchShard),
      logs: this.#logs.encode(records, batchShard),
    };
  }

  async encode(batch: Pick<SpoolBatch, "records" | "token">): Promise<EncodedBatch> {
    return this.encodeNow(batch);
  }

  async close(): Promise<void> {}
}
