import type { UnixMs } from "@tocsin/model";
import type { Observation } from "./observation.js";
import {
  currentStretch,
  emptyTotals,
  figuresOf,
  type RequestFigures,
  type RequestTotals,
  RequestWindow,
} from "./request-window.js";
import type { ServiceIdentity } from "./requests.js";

/** Routes per version of a service that are told apart; further ones are counted together. */
export const MAX_ROUTES = 200;
/** Versions of services that are told apart. */
const MAX_VERSIONS = 2_000;
/** The route that holds what did not fit. */
export const OTHER_ROUTE = "{other}";

const SLOT_SECONDS = 5;
const SLOTS = 13;
const MINUTES = 61;
const FORGET_AFTER_MS = 24 * 3_600_000;

/** What one version of a service answered lately. */
export interface VersionBook extends ServiceIdentity {
  readonly recent: RequestWindow;
  /** The last hour, by minute. */
  readonly minutes: RequestWindow;
  readonly routes: Map<string, RequestWindow>;
  readonly firstSeenMs: UnixMs;
  lastSeenMs: UnixMs;
  /** Since the beginning; for series. */
  requestsTotal: number;
  errorsTotal: number;
  /** Routes that did not fit. */
  foldedRoutes: number;
}

/** Current figures of every version and route of every service. */
export class ServiceBook {
  readonly #versions = new Map<string, VersionBook>();
  /** Requests that were not told apart because there were too many versions. */
  foldedVersions = 0;

  add(observation: Observation): void {
    const version = this.#version(observation);
    if (!version) {
      this.foldedVersions += observation.count;
      return;
    }
    version.lastSeenMs = Math.max(version.lastSeenMs, (observation.toSecond + 1) * 1_000);
    version.recent.add(observation);
    version.minutes.add(observation);
    version.requestsTotal += observation.count;
    if (observation.isError) version.errorsTotal += observation.count;
    routeWindow(version, observation.route).add(observation);
  }

  versions(): IterableIterator<VersionBook> {
    return this.#versions.values();
  }

  /** Figures of several versions (or of one) over the last minute. */
  figures(versions: readonly VersionBook[], nowMs: UnixMs): RequestFigures {
    return this.#sum(versions, nowMs, ({ recent }) => recent);
  }

  /** The same by route, busiest first. */
  routeFigures(versions: readonly VersionBook[], nowMs: UnixMs): ({ route: string } & RequestFigures)[] {
    const routes = new Set(versions.flatMap((version) => [...version.routes.keys()]));
    return [...routes]
      .map((route) => ({ route, ...this.#sum(versions, nowMs, (version) => version.routes.get(route)) }))
      .sort((a, b) => b.trafficPerSecond - a.trafficPerSecond);
  }

  /** Figures of one stretch of the last hour, in whole minutes. */
  figuresBetween(versions: readonly VersionBook[], fromMs: UnixMs, toMs: UnixMs): RequestFigures {
    const totals = emptyTotals();
    const fromSecond = Math.floor(fromMs / 60_000) * 60;
    for (const { minutes } of versions) minutes.addTo(totals, fromSecond, toMs / 1_000);
    return figuresOf(totals, Math.max(1, (toMs - fromMs) / 1_000));
  }

  forget(nowMs: UnixMs): void {
    for (const [key, { lastSeenMs }] of this.#versions) {
      if (nowMs - lastSeenMs > FORGET_AFTER_MS) this.#versions.delete(key);
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

  #version({ service, version, environment, fromSecond }: Observation): VersionBook | undefined {
    const key = `${service}\u0001${environment}\u0001${version}`;
    const known = this.#versions.get(key);
    if (known) return known;
    if (this.#versions.size >= MAX_VERSIONS) return undefined;
    const made: VersionBook = {
      service,
      version,
      environment,
      recent: new RequestWindow(SLOT_SECONDS, SLOTS),
      minutes: new RequestWindow(60, MINUTES),
      routes: new Map(),
      firstSeenMs: fromSecond * 1_000,
      lastSeenMs: 0,
      requestsTotal: 0,
      errorsTotal: 0,
      foldedRoutes: 0,
    };
    this.#versions.set(key, made);
    return made;
  }
}

function routeWindow(version: VersionBook, route: string): RequestWindow {
  const known = version.routes.get(route);
  if (known) return known;
  if (version.routes.size >= MAX_ROUTES && route !== OTHER_ROUTE) {
    version.foldedRoutes++;
    return routeWindow(version, OTHER_ROUTE);
  }
  const made = new RequestWindow(SLOT_SECONDS, SLOTS);
  version.routes.set(route, made);
  return made;
}
