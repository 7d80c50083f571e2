import type { ObservedRequests } from "../signals/requests.js";

/** By what bad events are told apart. */
export const SPENDER_KEYS = ["route", "version", "error"] as const;
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

/** Values of one key that are told apart at a time; the others are counted together. */
export const MAX_SPENDERS = 12;
/** The value that holds what did not fit. */
export const OTHER_SPENDER = "{other}";

const DAY_MS = 86_400_000;
const STANDARD_PERIOD_MS = 30 * DAY_MS;
const SLOTS = 7;
/** Six slots of each are an hour, six hours, and three days of a month; the last level is the period itself. */
const SLOT_SECONDS = [600, 3_600, 43_200];

/** Bad and total of every slot of every level, one after the other. */
type Row = Float64Array;

/**
 * Who spent an SLO's budget, by route, version and error type: counts in seven slots of each of four lengths, so that
 * the last hour, six hours, three days and the period can each be told, up to one slot more than that. Of each key the
 * twelve values with the most bad events are kept, which bounds the memory to some 20 kB.
 */
export class Spenders {
  readonly #slotSeconds: readonly number[];
  /** The newest slot of every level. */
  readonly #newest: number[];
  #rows: Readonly<Record<SpenderKey, Map<string, Row>>> = emptyRows();

  constructor(periodMs: number) {
    const scale = Math.min(1, periodMs / STANDARD_PERIOD_MS);
    this.#slotSeconds = [
      ...SLOT_SECONDS.map((seconds) => Math.max(1, Math.round(seconds * scale))),
      Math.max(1, Math.ceil(periodMs / 1_000 / (SLOTS - 1))),
    ];
    this.#newest = this.#slotSeconds.map(() => Number.NEGATIVE_INFINITY);
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
    return SPENDER_KEYS.flatMap((by) => {
      const found = [...this.#rows[by]].map(([value, row]) => ({
        by,
        value,
        ...this.#sum(row, level, sinceSecond),
      }));
      const all = found.reduce((sum, { bad }) => sum + bad, 0);
      return found
        .filter(({ bad, value }) => bad > 0 && value !== "")
        .map((each) => ({ ...each, share: each.bad / all }))
        .sort((a, b) => b.bad - a.bad)
        .slice(0, limit);
    });
  }

  toJSON(): SpendersState {
    const rows = SPENDER_KEYS.flatMap((by) =>
      [...this.#rows[by]].map(([value, row]): SpendersState["rows"][number] => [by, value, sparse(row)]),
    );
    return {
      widths: this.#slotSeconds,
      newest: this.#newest.map((slot) => (Number.isFinite(slot) ? slot : null)),
      rows,
    };
  }

  /** Takes over what `toJSON` gave; that of another period is left out, because its slots are others. */
  load(state: SpendersState | undefined): void {
    this.#rows = emptyRows();
    this.#newest.fill(Number.NEGATIVE_INFINITY);
    if (!state || state.widths.join() !== this.#slotSeconds.join()) return;
    for (const [level, slot] of state.newest.entries()) {
      this.#newest[level] = slot ?? Number.NEGATIVE_INFINITY;
    }
    for (const [by, value, cells] of state.rows) {
      const row = this.#newRow();
      for (const [place, count] of cells) row[place] = count;
      this.#rows[by].set(value, row);
    }
  }

  /** Empties the slots that time has passed over. */
  #turnTo(second: number): void {
    for (const [level, width] of this.#slotSeconds.entries()) {
      const slot = Math.floor(second / width);
      const newest = this.#newest[level] ?? 0;
      if (slot <= newest) continue;
      const first = Math.max(newest + 1, slot - SLOTS + 1);
      for (let passed = first; passed <= slot; passed++) this.#clear(place(level, passed));
      this.#newest[level] = slot;
    }
  }

  #clear(at: number): void {
    for (const by of SPENDER_KEYS) for (const row of this.#rows[by].values()) row.fill(0, at, at + 2);
  }

  #addTo(by: SpenderKey, value: string, second: number, bad: number, total: number): void {
    const row = this.#row(by, value, bad > 0);
    for (let level = 0; level < this.#slotSeconds.length; level++) {
      const slot = Math.floor(second / (this.#slotSeconds[level] ?? 1));
      if (slot <= (this.#newest[level] ?? 0) - SLOTS) continue;
      const at = place(level, slot);
      row[at] = (row[at] ?? 0) + bad;
      row[at + 1] = (row[at + 1] ?? 0) + total;
    }
  }

  #row(by: SpenderKey, value: string, isBad: boolean): Row {
    const rows = this.#rows[by];
    const known = rows.get(value);
    if (known) return known;
    if (rows.size >= MAX_SPENDERS && value !== OTHER_SPENDER) {
      if (!isBad) return this.#row(by, OTHER_SPENDER, false);
      this.#foldLeast(by);
    }
    const row = this.#newRow();
    rows.set(value, row);
    return row;
  }

  /** Makes room for a newcomer that failed: the value with the fewest bad events is counted with the others. */
  #foldLeast(by: SpenderKey): void {
    const rows = this.#rows[by];
    const level = this.#slotSeconds.length - 1;
    let least: { value: string; row: Row; bad: number } | undefined;
    for (const [value, row] of rows) {
      if (value === OTHER_SPENDER) continue;
      const { bad } = this.#sum(row, level, Number.NEGATIVE_INFINITY);
      if (!least || bad < least.bad) least = { value, row, bad };
    }
    if (!least) return;
    const { value, row } = least;
    rows.delete(value);
    const other = rows.get(OTHER_SPENDER) ?? this.#newRow();
    rows.set(OTHER_SPENDER, other);
    for (let index = 0; index < row.length; index++) other[index] = (other[index] ?? 0) + (row[index] ?? 0);
  }

  #levelFor(seconds: number): number {
    const found = this.#slotSeconds.findIndex((width) => width * (SLOTS - 1) >= seconds);
    return found < 0 ? this.#slotSeconds.length - 1 : found;
  }

  #sum(row: Row, level: number, sinceSecond: number): { bad: number; total: number } {
    const width = this.#slotSeconds[level] ?? 1;
    const newest = this.#newest[level] ?? 0;
    let bad = 0;
    let total = 0;
    if (!Number.isFinite(newest)) return { bad, total };
    for (let slot = newest - SLOTS + 1; slot <= newest; slot++) {
      if ((slot + 1) * width <= sinceSecond) continue;
      const at = place(level, slot);
      bad += row[at] ?? 0;
      total += row[at + 1] ?? 0;
    }
    return { bad, total };
  }

  #newRow(): Row {
    return new Float64Array(this.#slotSeconds.length * SLOTS * 2);
  }
}

export interface SpendersState {
  widths: readonly number[];
  newest: readonly (number | null)[];
  rows: readonly [by: SpenderKey, value: string, cells: readonly [place: number, count: number][]][];
}

/** Where a slot's two numbers stand in a row. */
function place(level: number, slot: number): number {
  return 2 * (level * SLOTS + (((slot % SLOTS) + SLOTS) % SLOTS));
}

function sparse(row: Row): [number, number][] {
  const cells: [number, number][] = [];
  for (const [at, count] of row.entries()) if (count !== 0) cells.push([at, count]);
  return cells;
}

function emptyRows(): Record<SpenderKey, Map<string, Row>> {
  return { route: new Map(), version: new Map(), error: new Map() };
}
