import type { Labels } from "@tocsin/model";
import type { Histogram, SampleBuffer } from "@tocsin/promql";
import { Block } from "../native/block.js";
import { prepareMap } from "../native/map-column.js";

/** Rows of `series`: what a series is called, on a day on which it had samples. */
export class SeriesBlock {
  readonly block = new Block();
  readonly #id = this.block.bytes("id", "UInt64");
  readonly #name = this.block.bytes("name", "String");
  readonly #labels = this.block.map("labels");
  readonly #day = this.block.bytes("day", "UInt16");

  /** @param day days since the epoch (UTC) */
  append(id: bigint, labels: Labels, day: number): void {
    this.#id.u64Of(id);
    this.#name.text(labels.__name__ ?? "");
    this.#labels.prepared(prepareMap(Object.entries(labels).map(([key, value]) => ({ key, value }))));
    this.#day.u8(day & 0xff);
    this.#day.u8(day >>> 8);
    this.block.endRow();
  }
}

/** Rows of `samples`. */
export class FloatBlock {
  readonly block = new Block();
  readonly #id = this.block.bytes("id", "UInt64");
  readonly #time = this.block.bytes("time", "DateTime64(3)");
  readonly #value = this.block.bytes("value", "Float64");

  append(id: bigint, samples: SampleBuffer, at: number): void {
    this.#id.u64Of(id);
    this.#time.i64(BigInt(samples.timestamps[at]));
    // By its bits: a staleness marker is a NaN of its own, and JavaScript knows only one.
    this.#value.u32(samples.bits[2 * at]);
    this.#value.u32(samples.bits[2 * at + 1]);
    this.block.endRow();
  }
}

/** Rows of `histogram_samples`. */
export class HistogramBlock {
  readonly block = new Block();
  readonly #id = this.block.bytes("id", "UInt64");
  readonly #time = this.block.bytes("time", "DateTime64(3)");
  readonly #histogram = this.block.bytes("histogram", "String");

  append(id: bigint, timeMs: number, histogram: Histogram): void {
    this.#id.u64Of(id);
    this.#time.i64(BigInt(timeMs));
    this.#histogram.text(histogramText(histogram));
    this.block.endRow();
  }
}

/** A histogram as JSON. Only its sum may be no finite number. */
export function histogramText(histogram: Histogram): string {
  const { sum } = histogram;
  return JSON.stringify({ ...histogram, sum: Number.isFinite(sum) ? sum : String(sum) });
}

export function histogramOfText(text: string): Histogram {
  const parsed = JSON.parse(text) as Histogram;
  return { ...parsed, sum: Number(parsed.sum) };
}
