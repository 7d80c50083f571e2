import type { Labels, UnixMs } from "@tocsin/model";
import type { Matcher, Querier, SampleBuffer, SelectHints, Series, Storage } from "@tocsin/promql";
import { CollectorError } from "../../errors.js";
import { Conditions } from "../conditions.js";
import { dayOf } from "../native/time-window.js";
import type { Shards } from "../shards.js";
import { histogramOfText } from "./sample-blocks.js";

/** Series that one selector may have. */
const MAX_SERIES = 50_000;
/** Samples that one selector may read: 16 bytes each in memory. */
const MAX_SAMPLES = 20_000_000;
/** Histogram samples that one selector may read: text of a few hundred bytes each. */
const MAX_HISTOGRAMS = 1_000_000;

/** PromQL's view of the samples in the store. */
export class SampleHistory implements Storage {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  querier(minMs: UnixMs, maxMs: UnixMs): Querier {
    return {
      select: (matchers, hints) => {
        const startMs = Math.max(minMs, hints.startMs);
        const endMs = Math.min(maxMs, hints.endMs);
        return this.select(matchers, { ...hints, startMs, endMs });
      },
    };
  }

  /**
   * Series that fulfil every condition, with their samples in the range.
   *
   * @throws {CollectorError} STORE_QUERY_LIMIT for more series or samples than one query may have
   */
  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<readonly Series[]> {
    const { startMs, endMs, signal } = hints;
    if (startMs > endMs) return [];
    const found = await this.#seriesOf(matchers, startMs, endMs, signal);
    const byId = new Map([...found].map(([id, labels]) => [id, new HistorySeries(labels)]));
    if (byId.size === 0) return [];
    await Promise.all([
      this.#readFloats(byId, matchers, startMs, endMs, signal),
      this.#readHistograms(byId, matchers, startMs, endMs, signal),
    ]);
    return [...byId.values()].filter((series) => !series.isEmpty);
  }

  /**
   * Labels of the series that fulfil every condition and have samples on the days of the range.
   *
   * @throws {CollectorError} STORE_QUERY_LIMIT
   */
  async labelSets(matchers: readonly Matcher[], startMs: UnixMs, endMs: UnixMs): Promise<readonly Labels[]> {
    return [...(await this.#seriesOf(matchers, startMs, endMs, undefined)).values()];
  }

  /** Label names of those series, whatever their number. */
  async labelNames(matchers: readonly Matcher[], startMs: UnixMs, endMs: UnixMs): Promise<readonly string[]> {
    const { where, params } = seriesConditions(matchers, startMs, endMs);
    const rows = await this.#shards.query<{ found: string }>(
      `SELECT DISTINCT arrayJoin(mapKeys(labels)) AS found FROM series WHERE ${where}`,
      { params },
    );
    return rows.map(({ found }) => found);
  }

  /** Values of one label of those series. */
  async labelValues(
    label: string,
    matchers: readonly Matcher[],
    startMs: UnixMs,
    endMs: UnixMs,
  ): Promise<readonly string[]> {
    const conditions = seriesConditions(matchers, startMs, endMs);
    const value = conditions.value(label, "String", (place) => `labels[${place}]`);
    const rows = await this.#shards.query<{ found: string }>(
      `SELECT DISTINCT ${value} AS found FROM series WHERE ${conditions.where}`,
      { params: conditions.params },
    );
    return rows.map(({ found }) => found).filter((found) => found !== "");
  }

  async #seriesOf(
    matchers: readonly Matcher[],
    startMs: UnixMs,
    endMs: UnixMs,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, Labels>> {
    const { where, params } = seriesConditions(matchers, startMs, endMs);
    const found = await this.#shards.query<{ series_id: string; series_labels: Labels }>(
      `SELECT toString(id) AS series_id, any(labels) AS series_labels FROM series WHERE ${where}
GROUP BY id LIMIT ${MAX_SERIES + 1}`,
      { params, signal },
    );
    if (found.length > MAX_SERIES) throw tooMuch(`more than ${MAX_SERIES} series`);
    return new Map(found.map((row) => [row.series_id, row.series_labels]));
  }

  async #readFloats(
    byId: ReadonlyMap<string, HistorySeries>,
    matchers: readonly Matcher[],
    startMs: UnixMs,
    endMs: UnixMs,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const answers = await this.#shards.queryBinary(
      `SELECT id, toUnixTimestamp64Milli(time), value FROM samples WHERE ${IN_RANGE}
ORDER BY id, time LIMIT ${MAX_SAMPLES + 1}`.replace("{ids}", idsOf(matchers, startMs, endMs)),
      { params: sampleParams(matchers, startMs, endMs), signal, maxResultRows: MAX_SAMPLES + 1 },
    );
    for (const rows of answers) {
      if (rows.length > MAX_SAMPLES * ROW_BYTES) throw tooMuch(`more than ${MAX_SAMPLES} samples`);
      for (let at = 0; at < rows.length; ) {
        // Rows of one series follow each other.
        let end = at;
        while (end < rows.length && rows.compare(rows, at, at + 8, end, end + 8) === 0) end += ROW_BYTES;
        byId.get(String(rows.readBigUInt64LE(at)))?.floats.push(rows.subarray(at, end));
        at = end;
      }
    }
  }

  async #readHistograms(
    byId: ReadonlyMap<string, HistorySeries>,
    matchers: readonly Matcher[],
    startMs: UnixMs,
    endMs: UnixMs,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const rows = await this.#shards.query<{ series_id: string; time_ms: number; histogram: string }>(
      `SELECT toString(id) AS series_id, toUnixTimestamp64Milli(time) AS time_ms, histogram FROM histogram_samples WHERE ${IN_RANGE}
ORDER BY id, time LIMIT ${MAX_HISTOGRAMS + 1}`.replace("{ids}", idsOf(matchers, startMs, endMs)),
      { params: sampleParams(matchers, startMs, endMs), signal, maxResultRows: MAX_HISTOGRAMS + 1 },
    );
    if (rows.length > MAX_HISTOGRAMS) throw tooMuch(`more than ${MAX_HISTOGRAMS} histogram samples`);
    for (const row of rows) {
      byId.get(row.series_id)?.histograms.push({ time: row.time_ms, histogram: row.histogram });
    }
  }
}

/** id, time, value: eight bytes each. */
const ROW_BYTES = 24;

const IN_RANGE = `id IN ({ids}) AND time >= fromUnixTimestamp64Milli({start:Int64})
  AND time <= fromUnixTimestamp64Milli({end:Int64})`;

class HistorySeries implements Series {
  readonly labels: Labels;
  readonly floats: Buffer[] = [];
  readonly histograms: { readonly time: number; readonly histogram: string }[] = [];

  constructor(labels: Labels) {
    this.labels = labels;
  }

  get isEmpty(): boolean {
    return this.floats.length === 0 && this.histograms.length === 0;
  }

  read(into: SampleBuffer): void {
    const [only] = this.floats;
    if (this.floats.length === 1 && only !== undefined && this.histograms.length === 0) {
      appendFloats(only, into);
      return;
    }
    // Several shards, or both kinds: by time, the same instant once.
    const rows = this.floats.flatMap((bytes) =>
      Array.from({ length: bytes.length / ROW_BYTES }, (_, at) => {
        const row = bytes.subarray(at * ROW_BYTES, (at + 1) * ROW_BYTES);
        return { time: timeOf(row, 0), append: () => appendFloats(row, into) };
      }),
    );
    const others = this.histograms.map(({ time, histogram }) => ({
      time,
      append: () => into.pushHistogram(time, histogramOfText(histogram)),
    }));
    let before = Number.NEGATIVE_INFINITY;
    for (const { time, append } of [...rows, ...others].sort((a, b) => a.time - b.time)) {
      if (time !== before) append();
      before = time;
    }
  }
}

/** Rows that were written twice and not merged yet have the same time; the first of them counts. */
function appendFloats(rows: Buffer, into: SampleBuffer): void {
  into.reserve(rows.length / ROW_BYTES);
  let before = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < rows.length; at += ROW_BYTES) {
    const time = timeOf(rows, at);
    if (time === before) continue;
    before = time;
    into.push(time, 0);
    into.bits[2 * (into.length - 1)] = rows.readUInt32LE(at + 16);
    into.bits[2 * (into.length - 1) + 1] = rows.readUInt32LE(at + 20);
  }
}

function timeOf(rows: Buffer, at: number): UnixMs {
  return rows.readUInt32LE(at + 8) + rows.readInt32LE(at + 12) * 0x1_0000_0000;
}

/** What rows of `series` must fulfil. The engine's regular expressions are RE2, as PromQL's are. */
function seriesConditions(matchers: readonly Matcher[], startMs: UnixMs, endMs: UnixMs): Conditions {
  const conditions = new Conditions()
    .add("day >= toDate(?)", "UInt16", dayOf(startMs))
    .add("day <= toDate(?)", "UInt16", dayOf(endMs));
  for (const { name, operator, value } of matchers) {
    const label =
      name === "__name__" ? "name" : conditions.value(name, "String", (place) => `labels[${place}]`);
    const text = operator === "=" || operator === "!=" ? value : `^(?s:${value})$`;
    const templates = {
      "=": `${label} = ?`,
      "!=": `${label} != ?`,
      "=~": `match(${label}, ?)`,
      "!~": `NOT match(${label}, ?)`,
    };
    conditions.add(templates[operator], "String", text);
  }
  return conditions;
}

function idsOf(matchers: readonly Matcher[], startMs: UnixMs, endMs: UnixMs): string {
  return `SELECT id FROM series WHERE ${seriesConditions(matchers, startMs, endMs).where}`;
}

function sampleParams(matchers: readonly Matcher[], startMs: UnixMs, endMs: UnixMs) {
  return {
    ...seriesConditions(matchers, startMs, endMs).params,
    start: Math.ceil(startMs),
    end: Math.floor(endMs),
  };
}

function tooMuch(what: string): CollectorError {
  return new CollectorError(
    "STORE_QUERY_LIMIT",
    `The selector has ${what} in this time. Add a label condition or ask for a shorter time.`,
  );
}
