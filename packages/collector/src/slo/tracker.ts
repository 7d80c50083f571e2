import type { Labels, UnixMs } from "@tocsin/model";
import { labelsKey } from "@tocsin/model";
import { BUILT_IN_GROUPS, groupLabel } from "../signals/group-keys.js";
import type { ObservedRequests, RequestSink } from "../signals/requests.js";
import { CompositeBook, type SloBook } from "./book.js";
import type { OnceCorrection } from "./correction.js";
import { SloLedger } from "./ledger.js";
import { NumberWriter } from "./number-codec.js";
import type { RequestSli, SloSpec } from "./spec.js";
import { type SloStatus, statusOf } from "./status.js";
import { decodeLedgers, measureOf, StoredLedger } from "./stored-ledger.js";
import type { HistoryBucket } from "./window-ring.js";

/** Groups that one SLO with `by` may have; further ones are counted together. */
export const MAX_GROUPS = 200;
/** The value of a group that holds what did not fit. */
export const OTHER_GROUP = "{other}";

/** One SLO, or one group of an SLO with `by`. */
export interface TrackedSlo {
  readonly spec: SloSpec;
  /** Empty unless the SLO has `by`. */
  readonly group: Labels;
  readonly book: SloBook;
}

interface Entry {
  readonly spec: SloSpec;
  /** By `labelsKey` of the group; one with the key "" for SLOs without `by`. */
  readonly ledgers: Map<string, StoredLedger>;
}

/** First byte of a snapshot. */
const FORMAT = 2;

/**
 * All SLOs of a collector: counts requests into their books as they are observed, and answers for every window.
 * State survives restarts by `snapshot` and `restore`; it does no I/O and has no clock.
 */
export class SloTracker implements RequestSink {
  #entries: readonly Entry[] = [];
  #byName = new Map<string, Entry>();
  #byService = new Map<string, Entry[]>();
  #tracked: readonly TrackedSlo[] | undefined;
  #revision = 0;
  readonly #out = new NumberWriter();

  constructor(specs: readonly SloSpec[]) {
    this.#use(specs);
  }

  /** Every SLO and group, in the order of the config. */
  tracked(): readonly TrackedSlo[] {
    this.#tracked ??= this.#entries.flatMap(({ spec, ledgers }) => {
      if (spec.sli.kind === "composite")
        return [{ spec, group: {}, book: this.#composite(spec, spec.sli.parts) }];
      return [...ledgers.values()].map(({ group, ledger }) => ({ spec, group, book: ledger }));
    });
    return this.#tracked;
  }

  /** The first SLO of that name (its group, where one is named). */
  find(name: string, group: Labels = {}): TrackedSlo | undefined {
    const wanted = Object.entries(group);
    return this.tracked().find(
      (each) => each.spec.name === name && wanted.every(([label, value]) => each.group[label] === value),
    );
  }

  onRequests(requests: ObservedRequests): void {
    this.#count(requests, undefined);
  }

  /** SLOs by an attribute are told of the requests that carry it, by spans or metrics, whichever do. */
  onGrouped(requests: ObservedRequests, key: string): void {
    this.#count(requests, key);
  }

  #count(requests: ObservedRequests, attribute: string | undefined): void {
    const entries = this.#byService.get(requests.service);
    if (!entries) return;
    for (const entry of entries) {
      const { sli, environment, by } = entry.spec;
      if (sli.kind !== "availability" && sli.kind !== "latency") continue;
      if (firstAttribute(by) !== attribute) continue;
      if (environment !== undefined && environment !== requests.environment) continue;
      if (sli.routes.length > 0 && !isOneOf(sli.routes, requests.route)) continue;
      const group = groupOf(by, requests);
      if (!group) continue;
      const ledger = this.#ledger(entry, group);
      const bad = badCount(sli, requests);
      recordSpread(ledger, requests, bad);
      ledger.blame(requests, bad);
    }
  }

  /** Adds events to an SLO whose indicator is read by a query or looked at from time to time. */
  record(name: string, second: number, bad: number, total: number): void {
    const entry = this.#byName.get(name);
    if (!entry || entry.spec.by.length > 0) return;
    this.#ledger(entry, {}).record(second, bad, total);
    this.#revision++;
  }

  /** Changes with counts that no received request tells of. */
  revision(): number {
    return this.#revision;
  }

  /** Everything that `/api/v1/slos` shows. */
  statuses(nowMs: UnixMs): SloStatus[] {
    return this.tracked().map(({ book, group }) => statusOf(book, group, nowMs));
  }

  /** Takes the events of a stretch of time out of an SLO, all its groups. @returns how many, or undefined if unknown */
  exclude(name: string, correction: OnceCorrection): number | undefined {
    const entry = this.#byName.get(name);
    if (!entry) return undefined;
    this.#revision++;
    return [...entry.ledgers.values()].reduce((sum, { ledger }) => sum + ledger.exclude(correction).total, 0);
  }

  /** An SLO's own counts, oldest first, at the finest resolution that is left; of all its groups together. */
  history(name: string): HistoryBucket[] {
    const entry = this.#byName.get(name);
    const all = [...(entry?.ledgers.values() ?? [])].flatMap(({ ledger }) => [...ledger.history()]);
    return all.sort((a, b) => a.second - b.second);
  }

  /** Uses other SLOs from now on; those that measure the same as before keep their counts. */
  reconfigure(specs: readonly SloSpec[]): void {
    const before = this.#entries;
    this.#use(specs);
    for (const { spec, ledgers } of before) {
      for (const { group, ledger } of ledgers.values()) this.#ledgerLike(spec, group)?.continueFrom(ledger);
    }
  }

  /**
   * The whole state, in pieces that each take little time to make; a few kilobytes per SLO. The pieces tell of the
   * state as it is now, also when they are made later, while requests go on being counted.
   */
  freeze(): { pieces(): Iterable<Uint8Array> } {
    const stored = this.#stored();
    for (const each of stored) each.freeze();
    return { pieces: () => piecesOf(stored, (each) => each.frozenBytes()) };
  }

  /** The whole state at once. */
  snapshot(): Uint8Array {
    return Buffer.concat([...piecesOf(this.#stored(), (each) => each.bytes())]);
  }

  /**
   * Takes a snapshot's counts into the SLOs that still measure the same thing.
   *
   * @returns names of SLOs in the snapshot that are gone, or measure something else now
   * @throws {Error} when the snapshot has another form
   */
  restore(bytes: Uint8Array): string[] {
    if (bytes.byteLength === 0) return [];
    this.#tracked = undefined;
    if (bytes[0] !== FORMAT)
      throw new Error(`SLO counts of the form ${bytes[0]}; this version reads ${FORMAT}`);
    const lost: string[] = [];
    const rest = Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1);
    for (const { header, next } of decodeLedgers(rest)) {
      const { name, group, measure, periodMs, values } = header;
      const entry = this.#byName.get(name);
      const ledger = entry && measureOf(entry.spec) === measure ? this.#ledger(entry, group) : undefined;
      if (ledger) ledger.restore(values, next, periodMs);
      else lost.push(name);
    }
    return lost;
  }

  #stored(): StoredLedger[] {
    return this.#entries.flatMap(({ ledgers }) => [...ledgers.values()]);
  }

  #use(specs: readonly SloSpec[]): void {
    this.#entries = specs.map((spec) => ({ spec, ledgers: new Map() }));
    this.#tracked = undefined;
    this.#byName = new Map();
    this.#byService = new Map();
    for (const entry of this.#entries) {
      this.#byName.set(entry.spec.name, entry);
      const same = this.#byService.get(entry.spec.service);
      if (same) same.push(entry);
      else this.#byService.set(entry.spec.service, [entry]);
      const hasOneLedger = entry.spec.by.length === 0 && entry.spec.sli.kind !== "composite";
      if (hasOneLedger) this.#ledger(entry, {});
    }
  }

  /** The ledger that counts what a former SLO counted. */
  #ledgerLike(spec: SloSpec, group: Labels): SloLedger | undefined {
    const entry = this.#byName.get(spec.name);
    return entry && measureOf(entry.spec) === measureOf(spec) ? this.#ledger(entry, group) : undefined;
  }

  #ledger(entry: Entry, group: Labels): SloLedger {
    const key = entry.spec.by.length === 0 ? "" : labelsKey(group);
    const known = entry.ledgers.get(key);
    if (known) return known.ledger;
    const isFull =
      entry.ledgers.size >= MAX_GROUPS && Object.values(group).some((value) => value !== OTHER_GROUP);
    if (isFull) {
      return this.#ledger(
        entry,
        Object.fromEntries(entry.spec.by.map((key) => [groupLabel(key), OTHER_GROUP])),
      );
    }
    const ledger = new SloLedger(entry.spec);
    entry.ledgers.set(key, new StoredLedger(group, ledger, this.#out));
    this.#tracked = undefined;
    return ledger;
  }

  #composite(spec: SloSpec, parts: readonly { slo: string; weight: number }[]): SloBook {
    return new CompositeBook(
      spec,
      parts.flatMap(({ slo, weight }) => {
        const entry = this.#byName.get(slo);
        return [...(entry?.ledgers.values() ?? [])].map(({ ledger }) => ({ book: ledger, weight }));
      }),
    );
  }
}

function* piecesOf(
  stored: readonly StoredLedger[],
  bytesOf: (each: StoredLedger) => Uint8Array,
): Generator<Uint8Array> {
  yield Uint8Array.of(FORMAT);
  for (const each of stored) yield bytesOf(each);
}

/** `/pay` means every method, `POST /pay` that one. */
function isOneOf(routes: readonly string[], route: string): boolean {
  return routes.includes(route) || routes.includes(route.slice(route.indexOf(" ") + 1));
}

const NO_GROUP: Labels = {};

const BUILT_IN: ReadonlySet<string> = new Set(BUILT_IN_GROUPS);

/** The attribute, if any, whose channel tells of the requests of an SLO. */
function firstAttribute(by: readonly string[]): string | undefined {
  return by.find((key) => !BUILT_IN.has(key));
}

/** Undefined for requests without an attribute that the SLO is by: they are in no group. */
function groupOf(by: readonly string[], requests: ObservedRequests): Labels | undefined {
  if (by.length === 0) return NO_GROUP;
  const group: Record<string, string> = {};
  for (const key of by) {
    const value =
      key === "route" || key === "version" || key === "environment" ? requests[key] : requests.attribute(key);
    if (value === "" && !BUILT_IN.has(key)) return undefined;
    group[groupLabel(key)] = value;
  }
  return group;
}

function badCount(sli: RequestSli, requests: ObservedRequests): number {
  if (sli.kind === "latency") return requests.countSlowerThan(sli.thresholdSeconds);
  return requests.isError ? requests.count : 0;
}

/** Spreads the events evenly over their seconds, in whole events where the count is whole. */
function recordSpread(ledger: SloLedger, requests: ObservedRequests, bad: number): void {
  const { fromSecond, toSecond, count } = requests;
  const seconds = toSecond - fromSecond + 1;
  if (seconds <= 1) {
    ledger.record(toSecond, bad, count);
    return;
  }
  const upTo = Number.isInteger(count) && Number.isInteger(bad) ? wholeShare : exactShare;
  for (let index = 0; index < seconds; index++) {
    const total = upTo(count, index + 1, seconds) - upTo(count, index, seconds);
    ledger.record(fromSecond + index, upTo(bad, index + 1, seconds) - upTo(bad, index, seconds), total);
  }
}

function wholeShare(count: number, part: number, parts: number): number {
  return Math.floor((count * part) / parts);
}

function exactShare(count: number, part: number, parts: number): number {
  return (count * part) / parts;
}
