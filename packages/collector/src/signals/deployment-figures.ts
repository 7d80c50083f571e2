import type { UnixMs } from "@tocsin/model";
import type { Deployment } from "./deployments.js";
import type { ExponentialHistogramState } from "./exponential-histogram.js";
import type { Observation } from "./observation.js";
import {
  addShare,
  emptyTotals,
  figuresOf,
  type RequestFigures,
  type RequestTotals,
} from "./request-window.js";

/** How long before a deployment its service is looked at. */
export const BEFORE_MS = 10 * 60_000;
/** How long after it. */
const AFTER_MS = 60 * 60_000;
/** Requests come late by an hour at most. */
const LATEST_MS = 60 * 60_000;

/** What a service did before a deployment and since; null where it was not seen. */
export interface BeforeAndAfter {
  /** The release before it, over the ten minutes before. */
  readonly before: RequestFigures | null;
  /** This release since then, for an hour at most. */
  readonly after: RequestFigures | null;
}

/** A deployment whose figures may still change. */
interface Open {
  readonly before: RequestTotals;
  readonly after: RequestTotals;
}

/**
 * Counts what happened before and after each deployment, request by request, so that the figures are there long after
 * the windows that current figures come from have moved on, and after a restart.
 */
export class DeploymentFigures {
  /** Those that are counted for, by service and environment. */
  readonly #open = new Map<string, Map<string, Deployment>>();
  readonly #counts = new Map<string, Open>();
  readonly #closed = new Map<string, BeforeAndAfter>();

  /**
   * Counts for a deployment from now on; again for one that has become known better.
   *
   * @param totalsOf what a version counted lately, for the time until now
   */
  begin(
    deployment: Deployment,
    totalsOf: (version: string, fromMs: UnixMs, toMs: UnixMs) => RequestTotals,
  ): void {
    const { id, atMs, version, previousVersion } = deployment;
    if (this.#closed.has(id)) return;
    const key = keyOf(deployment);
    const same = this.#open.get(key) ?? new Map<string, Deployment>();
    const known = same.get(id);
    same.set(id, deployment);
    this.#open.set(key, same);
    if (known?.version === version && known.previousVersion === previousVersion) return;
    this.#counts.set(id, {
      before: previousVersion === "" ? emptyTotals() : totalsOf(previousVersion, atMs - BEFORE_MS, atMs),
      after: totalsOf(version, atMs, atMs + AFTER_MS),
    });
  }

  /** Counts requests for the deployments of their service. */
  add(observation: Observation): void {
    if (this.#open.size === 0) return;
    const open = this.#open.get(keyOf(observation));
    if (!open) return;
    for (const { id, atMs, version, previousVersion } of open.values()) {
      const counts = this.#counts.get(id);
      if (!counts) continue;
      if (observation.version === previousVersion)
        addOverlap(counts.before, observation, atMs - BEFORE_MS, atMs);
      if (observation.version === version) addOverlap(counts.after, observation, atMs, atMs + AFTER_MS);
    }
  }

  /** The figures of a deployment as of `nowMs`; undefined for one that was never counted for. */
  of({ id, atMs }: Deployment, nowMs: UnixMs): BeforeAndAfter | undefined {
    const counts = this.#counts.get(id);
    return counts ? figures(counts, atMs, nowMs) : this.#closed.get(id);
  }

  /** Ends the counting for deployments to which nothing can be added any more, and forgets those that are gone. */
  close(deployments: readonly Deployment[], nowMs: UnixMs): void {
    const kept = new Set(deployments.map(({ id }) => id));
    for (const [key, open] of this.#open) {
      for (const [id, { atMs }] of open) {
        const isOver = nowMs > atMs + AFTER_MS + LATEST_MS;
        if (!isOver && kept.has(id)) continue;
        const counts = this.#counts.get(id);
        if (counts && isOver) this.#closed.set(id, figures(counts, atMs, nowMs));
        this.#counts.delete(id);
        open.delete(id);
      }
      if (open.size === 0) this.#open.delete(key);
    }
    for (const id of this.#closed.keys()) if (!kept.has(id)) this.#closed.delete(id);
  }

  toJSON(): DeploymentFiguresState {
    return {
      open: [...this.#counts].map(([id, { before, after }]) => [id, totalsState(before), totalsState(after)]),
      closed: [...this.#closed],
    };
  }

  load({ open, closed }: DeploymentFiguresState, deployments: readonly Deployment[]): void {
    this.#open.clear();
    this.#counts.clear();
    this.#closed.clear();
    const byId = new Map(deployments.map((each) => [each.id, each]));
    for (const [id, before, after] of open) {
      const deployment = byId.get(id);
      if (!deployment) continue;
      const key = keyOf(deployment);
      this.#open.set(key, (this.#open.get(key) ?? new Map()).set(id, deployment));
      this.#counts.set(id, { before: totalsFrom(before), after: totalsFrom(after) });
    }
    for (const [id, each] of closed) this.#closed.set(id, each);
  }
}

type TotalsState = [requests: number, errors: number, latencies: ExponentialHistogramState];

export interface DeploymentFiguresState {
  open: [id: string, before: TotalsState, after: TotalsState][];
  closed: [id: string, figures: BeforeAndAfter][];
}

function figures({ before, after }: Open, atMs: UnixMs, nowMs: UnixMs): BeforeAndAfter {
  const afterSeconds = Math.max(1, Math.min(nowMs - atMs, AFTER_MS) / 1_000);
  return {
    before: before.requests > 0 ? figuresOf(before, BEFORE_MS / 1_000) : null,
    after: after.requests > 0 ? figuresOf(after, afterSeconds) : null,
  };
}

/**
 * Adds the share of requests, which are spread evenly over their seconds, that lies in a stretch of time. The second in
 * which a deployment falls counts as after it.
 */
function addOverlap(totals: RequestTotals, observation: Observation, fromMs: UnixMs, toMs: UnixMs): void {
  const start = observation.fromSecond;
  const end = observation.toSecond + 1;
  const overlap = Math.min(end, Math.floor(toMs / 1_000)) - Math.max(start, Math.floor(fromMs / 1_000));
  if (overlap > 0) addShare(totals, observation, Math.min(1, overlap / (end - start)));
}

function totalsState({ requests, errors, latencies }: RequestTotals): TotalsState {
  return [requests, errors, latencies.toJSON()];
}

function totalsFrom([requests, errors, latencies]: TotalsState): RequestTotals {
  const totals = { ...emptyTotals(), requests, errors };
  totals.latencies.load(latencies);
  return totals;
}

function keyOf({ service, environment }: { readonly service: string; readonly environment: string }): string {
  return `${service}\u0001${environment}`;
}
