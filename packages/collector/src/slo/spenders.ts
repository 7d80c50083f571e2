import type { ObservedRequests } from "../signals/requests.js";
import type { NumberWriter } from "./number-codec.js";
import { LEVELS, SLOTS, SpenderTable } from "./spender-table.js";

/** By what bad events are told apart. */
const SPENDER_KEYS = ["route", "version", "error"] as const;
export type SpenderKey = (typeof SPENDER_KEYS)[number];

/** What one value has on its account in some stretch of time. */
export interface Spender {
  readonly by: SpenderKey | "slo";
  readonly value: string;
  readonly bad: number;
  /** All events with that value; for `error` the bad ones. */
  readonly total: number;
  /** Share of all bad events, 0–1. */
  readonly share: number;
}

/** Values of each key that are told apart at a time; the others are counted together. */
export const MAX_SPENDERS: Readonly<Record<SpenderKey, number>> = { route: 8, version: 4, error: 6 };

const DAY_MS = 86_400_000;
const STANDARD_PERIOD_MS = 30 * DAY_MS;
/** Six slots of each are an hour, six hours, and three days of a month; the last level is the period itself. */
const SLOT_SECONDS = [600, 3_600, 43_200];

/**
 * Who spent an SLO's budget, by route, version and error type: counts in seven slots of each of four lengths, so that
 * the last hour, six hours, three days and the period can each be told, up to one slot more than that. Of each key the
 * values with the most bad events are kept, which bounds the memory to 4 kB (8 kB where counts are
 * no whole numbers, or too large for four bytes).
 */
export class Spenders {
  readonly #slotSeconds: readonly number[];
  /** The newest slot of every level. */
  readonly #newest: number[];
  readonly #tables: Readonly<Record<SpenderKey, SpenderTable>> = {
    route: new SpenderTable(MAX_SPENDERS.route, 2),
    version: new SpenderTable(MAX_SPENDERS.version, 2),
    error: new SpenderTable(MAX_SPENDERS.error, 1),
  };

  constructor(periodMs: number) {
    const scale = Math.min(1, periodMs / STANDARD_PERIOD_MS);
    this.#slotSeconds = [
      ...SLOT_SECONDS.map((seconds) => Math.max(1, Math.round(seconds * scale))),
      Math.max(1, Math.ceil(periodMs / 1_000 / (SLOTS - 1))),
    ];
    this.#newest = this.#slotSeconds.map(() => Number.NEGATIVE_INFINITY);
  }

  /** Memory of the counts in bytes. */
  get sizeBytes(): number {
    return SPENDER_KEYS.reduce((sum, by) => sum + this.#tables[by].sizeBytes, 0);
  }

  /** Adds what was observed; `bad` is how many of the requests were bad for this SLO. */
  add(requests: ObservedRequests, bad: number): void {
    const { toSecond, count } = requests;
    this.#turnTo(toSecond);
    this.#addTo("route", requests.route, toSecond, bad, count);
    this.#addTo("version", requests.version, toSecond, bad, count);
    if (bad > 0 && requests.errorType !== "") this.#addTo("error", requests.errorType, toSecond, bad, bad);
  }

  /** The largest shares of the bad events since an instant (up to one slot more), per key, largest first. */
  top(sinceSecond: number, nowSecond: number, limit: number): Spender[] {
    const level = this.#levelFor(nowSecond - sinceSecond);
    const newest = this.#newest[level] ?? Number.NEGATIVE_INFINITY;
    if (!Number.isFinite(newest)) return [];
    const first = Math.max(newest - SLOTS + 1, Math.floor(sinceSecond / (this.#slotSeconds[level] ?? 1)));
    return SPENDER_KEYS.flatMap((by) => {
      const table = this.#tables[by];
      const found = table.values.map((value, row) => ({
        by,
        value,
        ...table.sum(row, level, first, newest),
      }));
      const all = found.reduce((sum, { bad }) => sum + bad, 0);
      return found
        .filter(({ bad, value }) => bad > 0 && value !== "")
        .map((each) => ({ ...each, share: each.bad / all }))
        .sort((a, b) => b.bad - a.bad)
        .slice(0, limit);
    });
  }

  /** The values of each key; `writeNumbers` writes what belongs to them. */
  names(): SpenderNames {
    return SPENDER_KEYS.map((by) => this.#tables[by].values);
  }

  writeNumbers(out: NumberWriter): void {
    for (const slot of this.#newest) out.put(Number.isFinite(slot) ? slot + 1 : 0);
    for (const by of SPENDER_KEYS) this.#tables[by].writeNumbers(out);
  }

  /** Replaces the state with what was written of spenders of the same period. */
  load(names: SpenderNames, next: () => number): void {
    for (let level = 0; level < LEVELS; level++) this.#newest[level] = next() - 1;
    for (const [level, slot] of this.#newest.entries()) {
      if (slot < 0) this.#newest[level] = Number.NEGATIVE_INFINITY;
    }
    for (const [index, by] of SPENDER_KEYS.entries()) this.#tables[by].load(names[index] ?? [], next);
  }

  /** Empties the slots that time has passed over. */
  #turnTo(second: number): void {
    for (let level = 0; level < LEVELS; level++) {
      const slot = Math.floor(second / (this.#slotSeconds[level] ?? 1));
      const newest = this.#newest[level] ?? 0;
      if (slot <= newest) continue;
      const first = Math.max(newest + 1, slot - SLOTS + 1);
      for (let passed = first; passed <= slot; passed++) {
        for (const by of SPENDER_KEYS) this.#tables[by].clear(level, passed);
      }
      this.#newest[level] = slot;
    }
  }

  #addTo(by: SpenderKey, value: string, second: number, bad: number, total: number): void {
    const table = this.#tables[by];
    const row = table.rowOf(value, bad > 0);
    for (let level = 0; level < LEVELS; level++) {
      const slot = Math.floor(second / (this.#slotSeconds[level] ?? 1));
      if (slot > (this.#newest[level] ?? 0) - SLOTS) table.add(row, level, slot, bad, total);
    }
  }

  #levelFor(seconds: number): number {
    const found = this.#slotSeconds.findIndex((width) => width * (SLOTS - 1) >= seconds);
    return found < 0 ? LEVELS - 1 : found;
  }
}

/** Values by key, in the order of `SPENDER_KEYS`. */
export type SpenderNames = readonly (readonly string[])[];
