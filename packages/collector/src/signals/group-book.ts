import type { UnixMs } from "@tocsin/model";
import { CardinalityGuard } from "./cardinality-guard.js";
import type { Observation } from "./observation.js";
import {
  currentStretch,
  emptyTotals,
  figuresOf,
  type RequestFigures,
  RequestWindow,
} from "./request-window.js";

/** Values of one attribute of one service that are told apart, unless configured. */
export const MAX_GROUPS = 200;
/** A value that was not seen for so long makes room for others. */
const FORGET_AFTER_SECONDS = 3_600;
const SLOT_SECONDS = 5;
const SLOTS = 13;

/** Signals of a service by the values of one attribute. */
export interface AttributeGroups {
  readonly attribute: string;
  /** Those of the last minute, busiest first; `{other}` holds what did not fit. */
  readonly values: readonly ({ readonly value: string } & RequestFigures)[];
  /** Values that were not told apart because there are too many. */
  readonly folded: number;
}

/** What one value of an attribute counted since it was first seen; for series. */
export interface GroupTotals {
  readonly service: string;
  readonly environment: string;
  readonly attribute: string;
  readonly value: string;
  readonly firstSeenMs: UnixMs;
  readonly requestsTotal: number;
  readonly errorsTotal: number;
}

/** How fast requests with one value of an attribute were answered lately; for series. */
export interface GroupLatency extends Pick<GroupTotals, "service" | "environment" | "attribute" | "value"> {
  readonly latencySeconds: RequestFigures["latencySeconds"];
}

interface Group {
  readonly window: RequestWindow;
  firstSeenMs: UnixMs;
  lastSeenMs: UnixMs;
  requestsTotal: number;
  errorsTotal: number;
}

interface Subject {
  readonly service: string;
  readonly environment: string;
  readonly attribute: string;
  readonly groups: CardinalityGuard<Group>;
}

/** Requests by the values of the attributes that are grouped by. */
export class GroupBook {
  readonly #maxGroups: number;
  readonly #subjects = new Map<string, Subject>();

  constructor(maxGroups = MAX_GROUPS) {
    this.#maxGroups = maxGroups;
  }

  add(observation: Observation, attribute: string): void {
    const { service, environment, toSecond, count, isError } = observation;
    const { groups } = this.#subject(service, environment, attribute);
    const group = groups.use(observation.attribute(attribute), toSecond);
    group.window.add(observation);
    group.firstSeenMs = Math.min(group.firstSeenMs, observation.fromSecond * 1_000);
    group.lastSeenMs = Math.max(group.lastSeenMs, (toSecond + 1) * 1_000);
    group.requestsTotal += count;
    if (isError) group.errorsTotal += count;
  }

  /** Signals of a service by each attribute that its requests carry, in the order of the attributes' names. */
  groupsOf(service: string, environment: string, nowMs: UnixMs): AttributeGroups[] {
    return [...this.#subjects.values()]
      .filter((subject) => subject.service === service && subject.environment === environment)
      .map(({ attribute, groups }) => ({
        attribute,
        values: [...groups.entries()]
          .map(([value, group]) => ({ value, ...figures(group, nowMs) }))
          .filter(({ requests }) => requests > 0)
          .sort((a, b) => b.trafficPerSecond - a.trafficPerSecond),
        folded: groups.foldedCount,
      }))
      .sort((a, b) => (a.attribute < b.attribute ? -1 : 1));
  }

  *totals(): Generator<GroupTotals> {
    for (const { service, environment, attribute, groups } of this.#subjects.values()) {
      for (const [value, { firstSeenMs, requestsTotal, errorsTotal }] of groups.entries()) {
        yield { service, environment, attribute, value, firstSeenMs, requestsTotal, errorsTotal };
      }
    }
  }

  /** Latencies of the last minute by value of each attribute. */
  *latencies(nowMs: UnixMs): Generator<GroupLatency> {
    for (const { service, environment, attribute, groups } of this.#subjects.values()) {
      for (const [value, group] of groups.entries()) {
        const { latencySeconds } = figures(group, nowMs);
        yield { service, environment, attribute, value, latencySeconds };
      }
    }
  }

  forget(nowMs: UnixMs): void {
    for (const [key, { groups }] of this.#subjects) {
      groups.forget(nowMs / 1_000 - FORGET_AFTER_SECONDS);
      if (groups.size === 0) this.#subjects.delete(key);
    }
  }

  toJSON(): GroupBookState {
    const state: GroupBookState = [];
    for (const { service, environment, attribute, groups } of this.#subjects.values()) {
      for (const [value, { firstSeenMs, lastSeenMs, requestsTotal, errorsTotal }] of groups.entries()) {
        state.push([
          service,
          environment,
          attribute,
          value,
          firstSeenMs,
          lastSeenMs,
          requestsTotal,
          errorsTotal,
        ]);
      }
    }
    return state;
  }

  load(state: GroupBookState): void {
    this.#subjects.clear();
    for (const [service, environment, attribute, value, firstSeenMs, lastSeenMs, requests, errors] of state) {
      const { groups } = this.#subject(service, environment, attribute);
      const group = groups.use(value, lastSeenMs / 1_000);
      Object.assign(group, { firstSeenMs, lastSeenMs, requestsTotal: requests, errorsTotal: errors });
    }
  }

  #subject(service: string, environment: string, attribute: string): Subject {
    const key = `${service}\u0001${environment}\u0001${attribute}`;
    let subject = this.#subjects.get(key);
    if (!subject) {
      subject = { service, environment, attribute, groups: new CardinalityGuard(this.#maxGroups, newGroup) };
      this.#subjects.set(key, subject);
    }
    return subject;
  }
}

/** One value of one attribute, with its totals. */
export type GroupBookState = [
  service: string,
  environment: string,
  attribute: string,
  value: string,
  firstSeenMs: UnixMs,
  lastSeenMs: UnixMs,
  requestsTotal: number,
  errorsTotal: number,
][];

function newGroup(): Group {
  return {
    window: new RequestWindow(SLOT_SECONDS, SLOTS),
    firstSeenMs: Number.POSITIVE_INFINITY,
    lastSeenMs: 0,
    requestsTotal: 0,
    errorsTotal: 0,
  };
}

function figures({ window, firstSeenMs, lastSeenMs }: Group, nowMs: UnixMs): RequestFigures {
  const totals = emptyTotals();
  const { fromSecond, toSecond, seconds } = currentStretch(SLOT_SECONDS, firstSeenMs, lastSeenMs, nowMs);
  window.addTo(totals, fromSecond, toSecond);
  return figuresOf(totals, seconds);
}
