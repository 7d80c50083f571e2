import type { UnixMs } from "@tocsin/model";
import { CardinalityGuard, OTHER } from "./cardinality-guard.js";
import { DurationCounts, type DurationCountsState } from "./duration-counts.js";
import type { Observation } from "./observation.js";
import type { RequestClass } from "./requests.js";

/** Outcomes of one route that are told apart: statuses, and error types. */
const MAX_OUTCOMES = 40;

/** Traced requests of one route and outcome since they were first seen: what becomes histogram series. */
export interface TracedOutcome {
  readonly status: string;
  /** "" for what did not fail. */
  readonly errorType: string;
  readonly firstSeenMs: UnixMs;
  readonly durations: DurationCounts;
}

interface Outcome extends TracedOutcome {
  firstSeenMs: UnixMs;
}

/** What the requests of a route have in common, for the labels of their series. */
export interface TracedRoute {
  readonly kind: RequestClass;
  readonly system: string;
  readonly method: string;
  readonly template: string;
}

/**
 * Requests of one route that are known by their spans alone, counted by outcome. Services that measure publish the same
 * series themselves.
 */
export class TracedRequests {
  /** Of the first request; `{other}` stands for many. */
  route: TracedRoute = { kind: "server", system: "", method: "", template: "" };
  readonly #outcomes = new CardinalityGuard<Outcome>(MAX_OUTCOMES, newOutcome);

  /** @param isFolded whether the requests of many routes meet here */
  add(observation: Observation, isFolded: boolean): void {
    const { kind, system, method, template, status, isError, errorType, toSecond } = observation;
    if (this.#outcomes.size === 0) {
      this.route = isFolded
        ? { kind, system, method: OTHER, template: OTHER }
        : { kind, system, method, template };
    }
    const key = isError ? `${status}\u0001${errorType}` : status;
    const outcome = this.#outcomes.use(key, toSecond);
    outcome.firstSeenMs = Math.min(outcome.firstSeenMs, observation.fromSecond * 1_000);
    outcome.durations.record(observation.latencySeconds, observation.count);
  }

  get isEmpty(): boolean {
    return this.#outcomes.size === 0;
  }

  *outcomes(): Generator<TracedOutcome> {
    for (const [, outcome] of this.#outcomes.entries()) yield outcome;
  }

  toJSON(): TracedRequestsState | null {
    if (this.isEmpty) return null;
    const outcomes: TracedRequestsState["outcomes"] = [];
    for (const [key, { firstSeenMs, durations }, lastSecond] of this.#outcomes.entries()) {
      outcomes.push([key, firstSeenMs, lastSecond, durations.toJSON()]);
    }
    return { route: this.route, outcomes };
  }

  load(state: TracedRequestsState | null): void {
    if (!state) return;
    this.route = state.route;
    for (const [key, firstSeenMs, lastSecond, durations] of state.outcomes) {
      const outcome = this.#outcomes.use(key, lastSecond);
      outcome.firstSeenMs = firstSeenMs;
      outcome.durations.load(durations);
    }
  }
}

export interface TracedRequestsState {
  route: TracedRoute;
  outcomes: [key: string, firstSeenMs: UnixMs, lastSecond: number, durations: DurationCountsState][];
}

function newOutcome(key: string): Outcome {
  const [status = "", errorType = ""] = key === OTHER ? [OTHER, OTHER] : key.split("\u0001");
  return { status, errorType, firstSeenMs: Number.POSITIVE_INFINITY, durations: new DurationCounts() };
}
