import type { UnixMs } from "@tocsin/model";
import { CardinalityGuard, OTHER } from "./cardinality-guard.js";
import { BEFORE_MS } from "./deployment-figures.js";
import type { ExponentialHistogramState } from "./exponential-histogram.js";
import type { Observation } from "./observation.js";
import {
  currentStretch,
  emptyTotals,
  figuresOf,
  type RequestFigures,
  type RequestTotals,
  RequestWindow,
} from "./request-window.js";
import type { RequestClass, ServiceIdentity } from "./requests.js";
import { TracedRequests, type TracedRequestsState } from "./traced-requests.js";

/** Routes per version of a service that are told apart; further ones are counted together. */
export const MAX_ROUTES = 200;
/** Versions of services that are told apart. */
const MAX_VERSIONS = 2_000;

const SLOT_SECONDS = 5;
const SLOTS = 13;
const MINUTES = 61;
const FORGET_AFTER_MS = 24 * 3_600_000;
/** Jobs run once a day, or once a month. */
const FORGET_JOBS_AFTER_MS = 40 * FORGET_AFTER_MS;

/** Requests of one route of one version. */
export interface RouteBook {
  readonly recent: RequestWindow;
  /** Those that are known by spans alone. */
  readonly traced: TracedRequests;
}

/** What one version of a service answered lately. */
export interface VersionBook extends ServiceIdentity {
  /** `service.namespace`, or "". */
  readonly namespace: string;
  /** What it was seen to do last. */
  kind: RequestClass;
  readonly recent: RequestWindow;
  /** The last hour, by minute. */
  readonly minutes: RequestWindow;
  readonly routes: CardinalityGuard<RouteBook>;
  readonly firstSeenMs: UnixMs;
  lastSeenMs: UnixMs;
  /** Since the beginning; for series. */
  requestsTotal: number;
  errorsTotal: number;
}

/** Current figures of every version and route of every service. */
export class ServiceBook {
  readonly #versions = new Map<string, VersionBook>();
  /** Requests that were not told apart because there were too many versions. */
  foldedVersions = 0;

  /** @returns the version that was counted; undefined when there are too many */
  add(observation: Observation): VersionBook | undefined {
    const version = this.#version(observation);
    if (!version) {
      this.foldedVersions += observation.count;
      return undefined;
    }
    version.kind = observation.kind;
    version.lastSeenMs = Math.max(version.lastSeenMs, (observation.toSecond + 1) * 1_000);
    version.recent.add(observation);
    version.minutes.add(observation);
    version.requestsTotal += observation.count;
    if (observation.isError) version.errorsTotal += observation.count;
    const route = version.routes.use(observation.route, observation.toSecond);
    route.recent.add(observation);
    if (observation.source === "spans") route.traced.add(observation, route === version.routes.get(OTHER));
    return version;
  }

  versions(): IterableIterator<VersionBook> {
    return this.#versions.values();
  }

  /** Figures of several versions (or of one) over the last minute; of jobs over the last hour. */
  figures(versions: readonly VersionBook[], nowMs: UnixMs): RequestFigures {
    return isJobs(versions)
      ? this.figuresBetween(versions, nowMs - HOUR_MS, nowMs)
      : this.#sum(versions, nowMs, ({ recent }) => recent);
  }

  /** Over which time `figures` are. */
  figuresSeconds(versions: readonly VersionBook[]): number {
    return isJobs(versions) ? HOUR_MS / 1_000 : 60;
  }

  /** Figures of the last minute by route, busiest first. */
  routeFigures(versions: readonly VersionBook[], nowMs: UnixMs): ({ route: string } & RequestFigures)[] {
    const routes = new Set(
      versions.flatMap((version) => [...version.routes.entries()].map(([name]) => name)),
    );
    return [...routes]
      .map((route) => ({
        route,
        ...this.#sum(versions, nowMs, (version) => version.routes.get(route)?.recent),
      }))
      .sort((a, b) => b.trafficPerSecond - a.trafficPerSecond);
  }

  /** Figures of one stretch of the last hour, in whole minutes. */
  figuresBetween(versions: readonly VersionBook[], fromMs: UnixMs, toMs: UnixMs): RequestFigures {
    return figuresOf(this.totalsBetween(versions, fromMs, toMs), Math.max(1, (toMs - fromMs) / 1_000));
  }

  totalsBetween(versions: readonly VersionBook[], fromMs: UnixMs, toMs: UnixMs): RequestTotals {
    const totals = emptyTotals();
    const fromSecond = Math.floor(fromMs / 60_000) * 60;
    for (const { minutes } of versions) minutes.addTo(totals, fromSecond, toMs / 1_000);
    return totals;
  }

  forget(nowMs: UnixMs): void {
    for (const [key, { kind, lastSeenMs, routes }] of this.#versions) {
      const keptMs = kind === "job" ? FORGET_JOBS_AFTER_MS : FORGET_AFTER_MS;
      if (nowMs - lastSeenMs > keptMs) this.#versions.delete(key);
      else routes.forget((nowMs - keptMs) / 1_000);
    }
  }

  /**
   * Totals of every version and route. Windows are not part of it, since they fill again within their own time, but for
   * what a deployment right after a restart is compared with.
   */
  toJSON(): ServiceBookState {
    const newestMs = Math.max(...[...this.#versions.values()].map(({ lastSeenMs }) => lastSeenMs));
    return [...this.#versions.values()].map((version) => ({
      id: [version.service, version.namespace, version.environment, version.version],
      kind: version.kind,
      seenMs: [version.firstSeenMs, version.lastSeenMs],
      totals: [version.requestsTotal, version.errorsTotal],
      routes: [...version.routes.entries()].map(([name, { traced }, lastSecond]) => [
        name,
        lastSecond,
        traced.toJSON(),
      ]),
      lately: latelyOf(version, newestMs - BEFORE_MS),
    }));
  }

  load(state: ServiceBookState): void {
    this.#versions.clear();
    for (const { id, kind, seenMs, totals, routes, lately } of state) {
      const [service, namespace, environment, version] = id;
      const book = newVersion({ service, namespace, environment, version }, kind, seenMs[0]);
      book.lastSeenMs = seenMs[1];
      [book.requestsTotal, book.errorsTotal] = totals;
      for (const [name, lastSecond, traced] of routes) book.routes.use(name, lastSecond).traced.load(traced);
      if (lately) restoreLately(book, lately);
      this.#versions.set(keyOf(book), book);
    }
  }

  #sum(
    versions: readonly VersionBook[],
    nowMs: UnixMs,
    windowOf: (version: VersionBook) => RequestWindow | undefined,
  ): RequestFigures {
    const totals: RequestTotals = emptyTotals();
    const firstSeenMs = Math.min(...versions.map((version) => version.firstSeenMs));
    const lastSeenMs = Math.max(...versions.map((version) => version.lastSeenMs));
    const { fromSecond, toSecond, seconds } = currentStretch(SLOT_SECONDS, firstSeenMs, lastSeenMs, nowMs);
    for (const version of versions) windowOf(version)?.addTo(totals, fromSecond, toSecond);
    return figuresOf(totals, seconds);
  }

  #version(observation: Observation): VersionBook | undefined {
    const key = keyOf(observation);
    const known = this.#versions.get(key);
    if (known) return known;
    if (this.#versions.size >= MAX_VERSIONS) return undefined;
    const made = newVersion(observation, observation.kind, observation.fromSecond * 1_000);
    this.#versions.set(key, made);
    return made;
  }
}

export type ServiceBookState = {
  id: [service: string, namespace: string, environment: string, version: string];
  kind: RequestClass;
  seenMs: [first: UnixMs, last: UnixMs];
  totals: [requests: number, errors: number];
  routes: [name: string, lastSecond: number, traced: TracedRequestsState | null][];
  lately?: LatelyState | undefined;
}[];

/** The last minutes, and the latencies of all of them together. */
interface LatelyState {
  minutes: [index: number, requests: number, errors: number][];
  latencies: ExponentialHistogramState;
}

function latelyOf({ minutes, lastSeenMs }: VersionBook, sinceMs: UnixMs): LatelyState | undefined {
  if (lastSeenMs < sinceMs) return undefined;
  const slots = minutes.slotsSince(sinceMs / 1_000 - minutes.slotSeconds);
  const { latencies } = emptyTotals();
  for (const slot of slots) latencies.merge(slot.latencies);
  return {
    minutes: slots.map(({ index, requests, errors }) => [index, requests, errors]),
    latencies: latencies.toJSON(),
  };
}

/** Latencies lie in the newest minute, since they were written down together. */
function restoreLately({ minutes }: VersionBook, lately: LatelyState): void {
  for (const [place, [index, requests, errors]] of lately.minutes.entries()) {
    const totals = { ...emptyTotals(), requests, errors };
    if (place === lately.minutes.length - 1) totals.latencies.load(lately.latencies);
    minutes.restore(index, totals);
  }
}

const HOUR_MS = 3_600_000;

function isJobs(versions: readonly VersionBook[]): boolean {
  return versions.every(({ kind }) => kind === "job");
}

function keyOf({ service, environment, version }: ServiceIdentity): string {
  return `${service}\u0001${environment}\u0001${version}`;
}

function newVersion(
  { service, namespace, environment, version }: ServiceIdentity & { namespace: string },
  kind: RequestClass,
  firstSeenMs: UnixMs,
): VersionBook {
  return {
    service,
    namespace,
    version,
    environment,
    kind,
    recent: new RequestWindow(SLOT_SECONDS, SLOTS),
    minutes: new RequestWindow(60, MINUTES),
    routes: new CardinalityGuard(MAX_ROUTES, () => ({
      recent: new RequestWindow(SLOT_SECONDS, SLOTS),
      traced: new TracedRequests(),
    })),
    firstSeenMs,
    lastSeenMs: 0,
    requestsTotal: 0,
    errorsTotal: 0,
  };
}
