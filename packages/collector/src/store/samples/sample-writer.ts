import { randomUUID } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import type { UnixMs } from "@tocsin/model";
import { isStaleAt, SampleBuffer, type Series, type Storage } from "@tocsin/promql";
import type { Block } from "../native/block.js";
import { dayOf } from "../native/time-window.js";
import type { Shards } from "../shards.js";
import { FloatBlock, HistogramBlock, SeriesBlock } from "./sample-blocks.js";
import { seriesId } from "./series-id.js";

/** Rows of one insert at most. */
const MAX_ROWS = 200_000;
/** Series that are read before the event loop gets its turn. */
const SERIES_PER_TURN = 1_000;

/**
 * Copies samples from memory to the tables, one stretch of time after the other. A stretch that is copied again (the
 * process died in between) replaces itself: a series has one sample at a time.
 */
export class SampleWriter {
  readonly #shards: Shards;
  readonly #series = new SeriesBlock();
  readonly #floats = new FloatBlock();
  readonly #histograms = new HistogramBlock();
  /** Series that were written for the day on which they had samples. */
  #written = new Set<string>();

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  /** End of what was copied, by this process or one before; undefined when nothing was. */
  async lastTime(): Promise<UnixMs | undefined> {
    const rows = await this.#shards.query<{ last: number; n: number }>(
      "SELECT toUnixTimestamp64Milli(max(time)) AS last, count() AS n FROM samples WHERE id = 0",
    );
    const found = rows.filter((row) => row.n > 0).map((row) => row.last);
    return found.length === 0 ? undefined : Math.max(...found);
  }

  /** Copies every sample with `startMs` ≤ time ≤ `endMs`; returns how many there were. */
  async copy(source: Storage, startMs: UnixMs, endMs: UnixMs): Promise<number> {
    const querier = source.querier(startMs, endMs);
    try {
      const copied = await this.copySeries(await querier.select([], { startMs, endMs }), startMs, endMs);
      await this.#mark(endMs);
      this.#forgetBefore(dayOf(startMs) - 1);
      return copied;
    } finally {
      querier.close?.();
    }
  }

  /** The same for some series; `lastTime` knows nothing of it. */
  async copySeries(all: readonly Series[], startMs: UnixMs, endMs: UnixMs): Promise<number> {
    let copied = 0;
    let read = 0;
    try {
      const buffer = new SampleBuffer();
      for (const series of all) {
        buffer.clear();
        series.read(buffer);
        if (buffer.length === 0) continue;
        // With many series this is a second of work: others get their turn in between.
        if (++read % SERIES_PER_TURN === 0) await turn();
        const id = seriesId(series.labels);
        const days = new Set<number>();
        for (let at = 0; at < buffer.length; at++) {
          // A storage may give more than it was asked for.
          if (buffer.timestamps[at] < startMs || buffer.timestamps[at] > endMs) continue;
          const histogram =
            buffer.histogramCount > 0 && !isStaleAt(buffer.bits, at) ? buffer.histograms?.[at] : undefined;
          if (histogram) this.#histograms.append(id, buffer.timestamps[at], histogram);
          else this.#floats.append(id, buffer, at);
          days.add(dayOf(buffer.timestamps[at]));
          copied += 1;
        }
        for (const day of days) {
          const key = `${day} ${id}`;
          if (this.#written.has(key)) continue;
          this.#written.add(key);
          this.#series.append(id, series.labels, day);
        }
        if (this.#floats.block.rowCount + this.#histograms.block.rowCount >= MAX_ROWS) await this.#flush();
      }
      await this.#flush();
    } catch (error) {
      // What was noted as written may not be; a series is written once too often rather than never.
      this.#written.clear();
      for (const { block } of [this.#series, this.#floats, this.#histograms]) block.clear();
      throw error;
    }
    return copied;
  }

  /** Notes how far the copy got, once all of it is there: a sample of a series that nobody can select. */
  async #mark(timeMs: UnixMs): Promise<void> {
    const marks = new FloatBlock();
    const at = new SampleBuffer();
    at.push(Math.floor(timeMs), 1);
    marks.append(0n, at, 0);
    const token = randomUUID();
    await this.#shards.forToken(token).insertNative(insertOf("samples", marks.block, token));
  }

  async #flush(): Promise<void> {
    const token = randomUUID();
    // Every shard knows every series: samples are found by ids that were looked up first.
    for (const shard of this.#shards.all) {
      if (this.#series.block.rowCount > 0)
        await shard.insertNative(insertOf("series", this.#series.block, token));
    }
    const shard = this.#shards.forToken(token);
    for (const [table, { block }] of [
      ["samples", this.#floats],
      ["histogram_samples", this.#histograms],
    ] as const) {
      if (block.rowCount > 0) await shard.insertNative(insertOf(table, block, token));
      block.clear();
    }
    this.#series.block.clear();
  }

  #forgetBefore(day: number): void {
    for (const key of this.#written) if (Number.parseInt(key, 10) < day) this.#written.delete(key);
  }
}

function insertOf(table: string, block: Block, token: string) {
  return { table, columns: block.names, parts: block.parts(), token: `${token}/${table}` };
}
