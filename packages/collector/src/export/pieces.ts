import type { Logger } from "@tocsin/model";
import type { OtlpSignal } from "../otlp/columns.js";
import { countItems } from "../otlp/count-items.js";
import type { SpoolConsumer, SpoolRecord, SpoolSignal } from "../spool/record.js";
import type { ExportMetrics } from "./metrics.js";

/** Changes a request on its way out, once; undefined when nothing of it is left. */
export type Transform = (signal: OtlpSignal, body: Buffer) => Buffer | undefined;

/** What is to be sent of one record. */
export interface Piece {
  readonly body: Buffer;
  readonly items: number;
}

export interface PiecesOptions {
  /** Of the exporter, for metrics and logs. */
  readonly name: string;
  readonly consumer: SpoolConsumer;
  /** What is sent; the rest is passed over. */
  readonly signals: readonly SpoolSignal[];
  readonly transform: Transform | undefined;
  readonly metrics: ExportMetrics;
  readonly logger: Logger;
}

/** What is to be sent of records, rewritten where that is wanted; and the account of what is not. */
export class Pieces {
  readonly #options: PiecesOptions;

  constructor(options: PiecesOptions) {
    this.#options = options;
  }

  /** What is to be sent of each signal. */
  bySignal(records: readonly SpoolRecord[]): Map<OtlpSignal, Piece[]> {
    const groups = new Map<OtlpSignal, Piece[]>();
    for (const { signal, body } of records) {
      if (!this.#options.signals.includes(signal)) {
        this.#options.consumer.settle(1, "passed_over");
        continue;
      }
      this.#options.metrics.readRecords.inc({ exporter: this.#options.name });
      if (signal === "samples") {
        this.drop(1, "not_otlp");
        continue;
      }
      const piece = this.#pieceOf(signal, body);
      if (piece === undefined) continue;
      const group = groups.get(signal);
      if (group) group.push(piece);
      else groups.set(signal, [piece]);
    }
    return groups;
  }

  #pieceOf(signal: OtlpSignal, body: Buffer): Piece | undefined {
    // One that cannot be counted is sent all the same: who takes it may understand it.
    const items = itemsOf(signal, body) ?? 0;
    this.#options.metrics.readItems.inc({ exporter: this.#options.name, signal }, items);
    if (!this.#options.transform) return { body, items };
    try {
      const changed = this.#options.transform(signal, body);
      const left = changed === undefined ? 0 : changed === body ? items : countItems(signal, changed);
      this.dropItems(signal, items - left, "sampled");
      if (changed !== undefined) return { body: changed, items: left };
      this.drop(1, "sampled");
    } catch (error) {
      // The receiver checks what it takes, so this is a fault of ours. Unredacted it must not go out.
      this.drop(1, "unreadable");
      this.dropItems(signal, items, "unreadable");
      this.#options.logger.error(
        { exporter: this.#options.name, signal, err: error },
        "a request could not be rewritten, dropped it",
      );
    }
    return undefined;
  }

  /** Records that are given up, and why. */
  drop(records: number, reason: string): void {
    this.#options.metrics.droppedRecords.inc({ exporter: this.#options.name, reason }, records);
    this.#options.consumer.settle(records, { dropped: reason });
  }

  /** Spans, log records or points that are given up, and why. */
  dropItems(signal: OtlpSignal, items: number, reason: string): void {
    if (items > 0)
      this.#options.metrics.droppedItems.inc({ exporter: this.#options.name, signal, reason }, items);
  }
}

/** Undefined for bytes that are not OTLP, which the receiver lets nobody send. */
function itemsOf(signal: OtlpSignal, body: Buffer): number | undefined {
  try {
    return countItems(signal, body);
  } catch {
    return undefined;
  }
}
