import { randomUUID } from "node:crypto";
import type { Labels, UnixMs } from "@tocsin/model";
import { AlertsError } from "../errors.js";
import type { JournalRecord } from "../journal.js";
import { createMatcher, type Matcher, type MatchOperator, matchesAll } from "../route/matcher.js";
import { checkRecurrence, recursAt, type WrittenInterval } from "./recurrence.js";

/** Mutes the alerts that match, from start to end. Alertmanager's silence, which may also recur. */
export interface Silence {
  readonly id: string;
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: UnixMs;
  readonly endsAtMs: UnixMs;
  readonly updatedAtMs: UnixMs;
  readonly createdBy: string;
  readonly comment: string;
  /** Between start and end it mutes only in these stretches of time, for instance on Sundays from 2 to 4; undefined: always. */
  readonly within?: readonly WrittenInterval[] | undefined;
}

/** A silence that recurs is pending between its stretches. */
export type SilenceState = "pending" | "active" | "expired";

/** What a person gives; with the id of a silence that is there, it is changed instead of a new one made. */
export interface SilenceDraft {
  readonly id?: string | undefined;
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: UnixMs;
  readonly endsAtMs: UnixMs;
  readonly createdBy: string;
  readonly comment: string;
  readonly within?: readonly WrittenInterval[] | undefined;
}

export function silenceState(silence: Silence, nowMs: UnixMs): SilenceState {
  if (nowMs >= silence.endsAtMs) return "expired";
  if (nowMs < silence.startsAtMs) return "pending";
  return !silence.within || recursAt(silence.within, nowMs) ? "active" : "pending";
}

/** Ended silences are kept and shown for so long. */
const RETENTION_MS = 5 * 86_400_000;

/** The silences, written down before they count. */
export class Silences {
  readonly #silences = new Map<string, Silence>();
  readonly #write: (record: JournalRecord) => Promise<void>;
  readonly #newId: () => string;

  /** @param write appends to the journal; a silence that cannot be written down is refused */
  constructor(write: (record: JournalRecord) => Promise<void>, newId: () => string = randomUUID) {
    this.#write = write;
    this.#newId = newId;
  }

  /** Takes back a record of the journal. */
  restore(record: JournalRecord): void {
    const silence = silenceOf(record);
    if (silence?.within) checkRecurrence(silence.within);
    if (silence) this.#silences.set(silence.id, silence);
  }

  /** Newest first. */
  all(nowMs: UnixMs): Silence[] {
    for (const silence of this.#silences.values()) {
      if (silence.endsAtMs < nowMs - RETENTION_MS) this.#silences.delete(silence.id);
    }
    return [...this.#silences.values()].sort((a, b) => b.updatedAtMs - a.updatedAtMs);
  }

  get(id: string): Silence | undefined {
    return this.#silences.get(id);
  }

  /** Ids of the active silences that mute these labels. */
  silencedBy(labels: Labels, nowMs: UnixMs): string[] {
    const ids: string[] = [];
    for (const silence of this.#silences.values()) {
      // Most alerts match few silences; what time it is in some zone is the dearer question.
      if (matchesAll(silence.matchers, labels) && silenceState(silence, nowMs) === "active")
        ids.push(silence.id);
    }
    return ids;
  }

  /**
   * Adds or changes a silence. A change of what it mutes or when it began ends the old one and makes a new one,
   * so that history stays true; a change of its end or words keeps the id.
   *
   * @throws {AlertsError} ALERTS_SILENCE_INVALID, ALERTS_SILENCE_UNKNOWN
   */
  async set(draft: SilenceDraft, nowMs: UnixMs): Promise<Silence> {
    check(draft, nowMs);
    const known = draft.id ? this.#silences.get(draft.id) : undefined;
    if (draft.id && !known) throw unknown(draft.id);
    if (known && canKeepId(known, draft, nowMs)) {
      return this.#store({
        ...draft,
        id: known.id,
        startsAtMs: keptStart(known, draft, nowMs),
        updatedAtMs: nowMs,
      });
    }
    if (known && silenceState(known, nowMs) !== "expired") await this.expire(known.id, nowMs);
    return this.#store({
      ...draft,
      id: this.#newId(),
      startsAtMs: Math.max(draft.startsAtMs, nowMs),
      updatedAtMs: nowMs,
    });
  }

  /** Ends a silence now. @throws {AlertsError} ALERTS_SILENCE_UNKNOWN */
  async expire(id: string, nowMs: UnixMs): Promise<void> {
    const silence = this.#silences.get(id);
    if (!silence) throw unknown(id);
    if (silenceState(silence, nowMs) === "expired") return;
    const startsAtMs = Math.min(silence.startsAtMs, nowMs);
    await this.#store({ ...silence, startsAtMs, endsAtMs: nowMs, updatedAtMs: nowMs });
  }

  async #store(silence: Silence): Promise<Silence> {
    await this.#write(recordOf(silence));
    this.#silences.set(silence.id, silence);
    return silence;
  }
}

function check(draft: SilenceDraft, nowMs: UnixMs): void {
  const fail = (message: string): never => {
    throw new AlertsError("ALERTS_SILENCE_INVALID", message);
  };
  if (draft.matchers.length === 0) fail("A silence needs at least one matcher.");
  if (draft.matchers.every((matcher) => matcher.operator.startsWith("=") && matcher.matches({})))
    fail("Every matcher of this silence matches an empty label, so it would mute everything. Name a value.");
  if (!(draft.endsAtMs > draft.startsAtMs)) fail("A silence must end after it starts.");
  if (draft.endsAtMs <= nowMs) fail("This silence would end in the past.");
  if (draft.within) checkRecurrence(draft.within);
}

function unknown(id: string): AlertsError {
  return new AlertsError(
    "ALERTS_SILENCE_UNKNOWN",
    `There is no silence ${JSON.stringify(id)}; it may have been forgotten.`,
  );
}

function canKeepId(known: Silence, draft: SilenceDraft, nowMs: UnixMs): boolean {
  const text = (matchers: readonly Matcher[]): string =>
    matchers
      .map(({ name, operator, value }) => `${name}${operator}${value}`)
      .sort()
      .join("\n");
  if (text(known.matchers) !== text(draft.matchers)) return false;
  if (JSON.stringify(known.within) !== JSON.stringify(draft.within) || nowMs >= known.endsAtMs) return false;
  return nowMs < known.startsAtMs || draft.startsAtMs === known.startsAtMs;
}

function keptStart(known: Silence, draft: SilenceDraft, nowMs: UnixMs): UnixMs {
  return nowMs >= known.startsAtMs ? known.startsAtMs : Math.max(draft.startsAtMs, nowMs);
}

interface SilenceRecord extends JournalRecord {
  readonly kind: "silence.set";
  readonly silence: Omit<Silence, "matchers"> & {
    readonly matchers: readonly { name: string; operator: MatchOperator; value: string }[];
  };
}

function recordOf(silence: Silence): SilenceRecord {
  const matchers = silence.matchers.map(({ name, operator, value }) => ({ name, operator, value }));
  return { kind: "silence.set", atMs: silence.updatedAtMs, silence: { ...silence, matchers } };
}

function silenceOf(record: JournalRecord): Silence | undefined {
  if (record.kind !== "silence.set") return undefined;
  const { silence } = record as SilenceRecord;
  try {
    const matchers = silence.matchers.map(({ name, operator, value }) =>
      createMatcher(name, operator, value),
    );
    return { ...silence, matchers };
  } catch {
    return undefined;
  }
}

/** Keeps the last record of each silence, until it is forgotten. For the journal's compaction. */
export function keepSilences(records: readonly JournalRecord[], nowMs: UnixMs): JournalRecord[] {
  const last = new Map<string, JournalRecord>();
  for (const record of records) {
    const silence = silenceOf(record);
    if (silence && silence.endsAtMs >= nowMs - RETENTION_MS) last.set(silence.id, record);
    else if (silence) last.delete(silence.id);
  }
  return [...last.values()];
}
