import type { UnixMs } from "@tocsin/model";
import { calendarBounds, naturalAnchor, wallTimeAt } from "./calendar.js";
import type { NumberWriter } from "./number-codec.js";
import type { EventCounts } from "./window-ring.js";

/** Good and bad events of one calendar month, for reports. */
export interface MonthCounts extends EventCounts {
  /** `2026-11`, in UTC. */
  readonly month: string;
}

const MONTHS_KEPT = 24;

/** Events per calendar month, for the last two years. */
export class Months {
  readonly #timeZone: string;
  /** Bad and total by month number modulo 24. */
  readonly #counts = new Float64Array(2 * MONTHS_KEPT);
  /** Months since the year 0; -1 before the first event. */
  #newest = -1;

  /** @param timeZone IANA name of the zone whose clock begins a month */
  constructor(timeZone = "UTC") {
    this.#timeZone = timeZone;
  }

  /** Adds events of one second; events older than what is kept are left out. */
  add(second: number, bad: number, total: number): void {
    const month = monthAt(this.#timeZone, second * 1_000);
    if (this.#newest < 0) this.#newest = month;
    for (; this.#newest < month; this.#newest++) {
      const at = placeOf(this.#newest + 1);
      this.#counts.fill(0, at, at + 2);
    }
    if (month <= this.#newest - MONTHS_KEPT) return;
    const at = placeOf(month);
    this.#counts[at] = Math.max(0, (this.#counts[at] ?? 0) + bad);
    this.#counts[at + 1] = Math.max(0, (this.#counts[at + 1] ?? 0) + total);
  }

  /** Months with events, oldest first. */
  list(): MonthCounts[] {
    const found: MonthCounts[] = [];
    if (this.#newest < 0) return found;
    for (let month = this.#newest - MONTHS_KEPT + 1; month <= this.#newest; month++) {
      const at = placeOf(month);
      const [bad = 0, total = 0] = this.#counts.subarray(at, at + 2);
      const name = `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}`;
      if (total > 0) found.push({ month: name, bad, total });
    }
    return found;
  }

  writeNumbers(out: NumberWriter): void {
    out.put(this.#newest + 1);
    for (const count of this.#counts) out.put(count);
  }

  /** Replaces the state with what `writeNumbers` gave. */
  load(next: () => number): void {
    this.#newest = next() - 1;
    for (let at = 0; at < this.#counts.length; at++) this.#counts[at] = next();
  }
}

/** The last answer of each zone, since events come in order or nearly so. */
const answers = new Map<string, { startMs: UnixMs; endMs: UnixMs; month: number }>();

/** The month of an instant, counted since the year 0. */
function monthAt(timeZone: string, atMs: UnixMs): number {
  const known = answers.get(timeZone);
  if (known && atMs >= known.startMs && atMs < known.endMs) return known.month;
  const period = { kind: "calendar", unit: "month", count: 1, timeZone, anchor: naturalAnchor() } as const;
  const { year, month } = wallTimeAt(timeZone, atMs);
  const answer = { ...calendarBounds(period, atMs), month: 12 * year + month - 1 };
  answers.set(timeZone, answer);
  return answer.month;
}

function placeOf(month: number): number {
  return 2 * (month % MONTHS_KEPT);
}
