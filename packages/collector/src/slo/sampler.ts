import {
  type Cancel,
  type Clock,
  every,
  formatDuration,
  type Logger,
  messageOf,
  type UnixMs,
} from "@tocsin/model";
import type { Queryable } from "@tocsin/promql";
import type { ObservedRequests, RequestSink } from "../signals/requests.js";
import { addedBy, type Counters, compare, intervalOf, type Look, verdict } from "./look.js";
import type { QuerySli, SloSpec } from "./spec.js";
import type { SloTracker, TrackedSlo } from "./tracker.js";

export interface SloSamplerDeps {
  readonly tracker: SloTracker;
  readonly queryable: Queryable;
  /** How full a service is, 0–1; undefined when that is not known. */
  readonly saturation: (
    service: string,
    environment: string | undefined,
    nowMs: UnixMs,
  ) => number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Good and bad events may be read a scrape later than the total. */
const OVER_TOTAL_TOLERANCE = 1.1;

interface Watched {
  /** What is looked at; the same after a restart or a reload as long as the SLO measures the same. */
  readonly key: string;
  readonly spec: SloSpec;
  readonly everyMs: number;
  nextMs: UnixMs;
  lastMs: UnixMs | undefined;
  /** Counters as they were at the last look. */
  counters: Counters | undefined;
  /** When a request of the service last succeeded; for freshness. */
  lastSuccessMs: UnixMs | undefined;
  isFailing: boolean;
  /** Said once: more good or bad events than events. */
  isOverTotal: boolean;
}

/**
 * Reads the indicators that are looked at from time to time: PromQL ratios, thresholds and error ratios, saturation and
 * freshness. A look without data counts nothing: no data is neither good nor bad.
 */
export class SloSampler implements RequestSink {
  readonly #deps: SloSamplerDeps;
  /** Those of a former configuration are forgotten. */
  #watched: readonly Watched[] = [];
  #tracked: readonly TrackedSlo[] = [];
  /** By key: what a snapshot knew of indicators that have not been looked at since. */
  #remembered: ReadonlyMap<string, Memory> = new Map();
  #revision = 0;
  #cancel: Cancel | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: SloSamplerDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#cancel ??= every(this.#deps.clock, 1_000, () => this.tick(this.#deps.clock.now()));
  }

  async close(): Promise<void> {
    this.#cancel?.();
    await this.#running;
  }

  onRequests({ service, environment, route, isError, toSecond }: ObservedRequests): void {
    if (isError) return;
    for (const watched of this.#current()) {
      const { sli } = watched.spec;
      if (sli.kind !== "freshness" || watched.spec.service !== service) continue;
      if (watched.spec.environment !== undefined && watched.spec.environment !== environment) continue;
      if (sli.routes.length > 0 && !sli.routes.includes(route)) continue;
      watched.lastSuccessMs = Math.max(watched.lastSuccessMs ?? 0, toSecond * 1_000);
    }
  }

  /** Jobs of services that also answer requests are no requests of theirs, but they can be fresh. */
  onJob(requests: ObservedRequests): void {
    this.onRequests(requests);
  }

  /** Looks at every indicator that is due. A query that fails is logged once until it works again. */
  tick(nowMs: UnixMs): Promise<void> {
    const due = this.#current().filter(({ nextMs }) => nowMs >= nextMs);
    this.#running = Promise.all(due.map((watched) => this.#look(watched, nowMs))).then(() => {});
    return this.#running;
  }

  /** Changes whenever a look was taken, so that a snapshot is due also when nothing was received. */
  revision(): number {
    return this.#revision;
  }

  /** Counters, last looks and last successes: without them a restart would lose what was gained while it lasted. */
  snapshot(): Uint8Array {
    const watched = this.#current().map(({ key, nextMs, lastMs, counters, lastSuccessMs }): Memory => {
      return { key, nextMs, lastMs, counters, lastSuccessMs };
    });
    return Buffer.from(JSON.stringify({ format: 1, watched } satisfies SamplerState));
  }

  restore(bytes: Uint8Array): void {
    const state = JSON.parse(Buffer.from(bytes).toString("utf8")) as SamplerState;
    if (state.format !== 1) return;
    this.#remembered = new Map(state.watched.map((memory) => [memory.key, memory]));
    this.#watched = [];
    this.#tracked = [];
  }

  /** What is watched under the present configuration. */
  #current(): readonly Watched[] {
    const tracked = this.#deps.tracker.tracked();
    if (tracked === this.#tracked) return this.#watched;
    const before = new Map<string, Memory>([...this.#remembered, ...this.#watched.map(keyed)]);
    this.#watched = tracked.flatMap(({ spec }) => {
      const everyMs = intervalOf(spec.sli);
      return everyMs === undefined ? [] : [watch(spec, everyMs, before)];
    });
    this.#tracked = tracked;
    this.#remembered = new Map();
    return this.#watched;
  }

  async #look(watched: Watched, nowMs: UnixMs): Promise<void> {
    const { spec, everyMs } = watched;
    // Looks keep to multiples of their interval, so that they do not drift with the ticks.
    watched.nextMs = (Math.floor(nowMs / everyMs) + 1) * everyMs;
    try {
      const look = await this.#read(watched, nowMs);
      watched.isFailing = false;
      // Together, since a snapshot between the two would count twice or not at all.
      if (look?.counters) watched.counters = look.counters;
      if (look && look.total > 0) {
        this.#deps.tracker.record(spec.name, Math.floor(nowMs / 1_000), look.bad, look.total);
      }
    } catch (error) {
      if (!watched.isFailing) {
        this.#deps.logger.warn(
          { slo: spec.name, error: messageOf(error) },
          "an SLO's indicator cannot be read, will retry",
        );
      }
      watched.isFailing = true;
    }
    watched.lastMs = nowMs;
    this.#revision++;
  }

  async #read(watched: Watched, nowMs: UnixMs): Promise<Look> {
    const { spec } = watched;
    const { sli } = spec;
    switch (sli.kind) {
      case "ratio":
        return this.#readRatio(watched, sli, nowMs);
      case "raw": {
        const ratio = await this.#value(sli.query, sli.everyMs, nowMs);
        if (ratio === undefined) return undefined;
        const bad = sli.isErrorRatio ? ratio : 1 - ratio;
        return { bad: Math.min(1, Math.max(0, bad)), total: 1 };
      }
      case "threshold": {
        const value = await this.#value(sli.query, sli.everyMs, nowMs);
        return value === undefined ? undefined : verdict(compare(value, sli.op, sli.value));
      }
      case "saturation": {
        const ratio = this.#deps.saturation(spec.service, spec.environment, nowMs);
        return ratio === undefined ? undefined : verdict(ratio < sli.below);
      }
      case "freshness": {
        const seconds =
          sli.query === undefined ? undefined : await this.#value(sli.query, sli.everyMs, nowMs);
        const successMs =
          sli.query === undefined
            ? watched.lastSuccessMs
            : seconds === undefined
              ? undefined
              : seconds * 1_000;
        return successMs === undefined ? undefined : verdict(nowMs - successMs <= sli.maxAgeMs);
      }
      default:
        return undefined;
    }
  }

  async #readRatio(watched: Watched, sli: QuerySli, nowMs: UnixMs): Promise<Look> {
    const sinceMs = nowMs - (watched.lastMs ?? nowMs - sli.everyMs);
    const [part, total] = await Promise.all([
      this.#value(sli.good ?? sli.bad ?? "", sli.everyMs, nowMs),
      this.#value(sli.total, sli.everyMs, nowMs),
    ]);
    if (total === undefined) return undefined;
    const now: Counters = { part: part ?? 0, total };
    const added = addedBy(sli, now, watched.counters, sinceMs);
    this.#checkPart(watched, added);
    const bad = sli.bad === undefined ? added.total - added.part : added.part;
    const look = { bad: Math.min(added.total, Math.max(0, bad)), total: added.total };
    return sli.form === "counter" ? { ...look, counters: now } : look;
  }

  /** Says once that good (or bad) events are more than all events, which no true SLI is; two scrapes may differ a little. */
  #checkPart(watched: Watched, { part, total }: Counters): void {
    if (watched.isOverTotal || !(total > 0) || part <= total * OVER_TOTAL_TOLERANCE) return;
    watched.isOverTotal = true;
    this.#deps.logger.warn(
      { slo: watched.spec.name, part, total },
      "an SLO's good or bad events are more than its total; its queries do not select the same events",
    );
  }

  /** The sum of what a query gives; undefined when it gives nothing, or no number. */
  async #value(query: string, everyMs: number, nowMs: UnixMs): Promise<number | undefined> {
    // A rate needs two samples, which a short interval may not hold.
    const window = formatDuration(Math.max(everyMs, 60_000));
    const text = query.replaceAll("$window", window);
    const result = await this.#deps.queryable.instantQuery(text, nowMs, { timeoutMs: 10_000 });
    if (result.resultType === "scalar") return Number.isNaN(result.value) ? undefined : result.value;
    if (result.resultType !== "vector" || result.samples.length === 0) return undefined;
    const sum = result.samples.reduce((all, { value }) => all + value, 0);
    return Number.isNaN(sum) ? undefined : sum;
  }
}

/** What is known of an indicator, and must be known again after a restart. */
type Memory = Pick<Watched, "key" | "nextMs" | "lastMs" | "counters" | "lastSuccessMs">;

interface SamplerState {
  readonly format: number;
  readonly watched: readonly Memory[];
}

function keyed(watched: Watched): [string, Memory] {
  return [watched.key, watched];
}

function watch(spec: SloSpec, everyMs: number, before: ReadonlyMap<string, Memory>): Watched {
  const key = JSON.stringify([spec.name, spec.service, spec.environment ?? null, spec.sli]);
  const known = before.get(key);
  return {
    key,
    spec,
    everyMs,
    nextMs: known?.nextMs ?? 0,
    lastMs: known?.lastMs,
    counters: known?.counters,
    lastSuccessMs: known?.lastSuccessMs,
    isFailing: false,
    isOverTotal: false,
  };
}
