import type { UnixMs } from "@tocsin/model";
import { CardinalityGuard } from "./cardinality-guard.js";
import type { Observation } from "./observation.js";
import { emptyTotals, figuresOf, type RequestFigures, RequestWindow } from "./request-window.js";

/** Jobs of one service that are told apart; further ones are counted together. */
export const MAX_JOBS = 200;

/** A job as `/api/v1/services/{name}` shows it. Figures are of the last hour; instants are ISO 8601. */
export interface JobSignals extends RequestFigures {
  readonly job: string;
  /** null while none was seen. */
  readonly lastSuccessAt: string | null;
  readonly lastFailureAt: string | null;
  /** How long the last run took. */
  readonly lastDurationSeconds: number;
}

/** When a job of a service last succeeded; for series. */
export interface JobSuccess {
  readonly service: string;
  readonly environment: string;
  readonly job: string;
  readonly lastSuccessMs: UnixMs;
}

interface Job {
  readonly window: RequestWindow;
  lastRunMs: UnixMs;
  /** 0 while none was seen. */
  lastSuccessMs: UnixMs;
  lastFailureMs: UnixMs;
  lastDurationSeconds: number;
}

interface Service {
  readonly service: string;
  readonly environment: string;
  readonly jobs: CardinalityGuard<Job>;
}

const HOUR_MS = 3_600_000;
/** Jobs run once a day, or once a month. */
const FORGET_AFTER_SECONDS = 40 * 86_400;

/** The jobs of all services: internal spans without a parent, told apart by their names. */
export class JobBook {
  readonly #services = new Map<string, Service>();

  add(observation: Observation): void {
    const { service, environment, route, toSecond, isError, latencySeconds } = observation;
    const job = this.#service(service, environment).jobs.use(route, toSecond);
    job.window.add(observation);
    const endMs = (toSecond + 1) * 1_000;
    if (endMs >= job.lastRunMs) {
      job.lastRunMs = endMs;
      job.lastDurationSeconds = latencySeconds;
    }
    if (isError) job.lastFailureMs = Math.max(job.lastFailureMs, toSecond * 1_000);
    else job.lastSuccessMs = Math.max(job.lastSuccessMs, toSecond * 1_000);
  }

  /** A service's jobs, the one that ran last first. */
  jobsOf(service: string, environment: string, nowMs: UnixMs): JobSignals[] {
    const jobs = this.#services.get(serviceKey(service, environment))?.jobs.entries() ?? [];
    return [...jobs]
      .sort(([, a], [, b]) => b.lastRunMs - a.lastRunMs)
      .map(([name, { window, lastSuccessMs, lastFailureMs, lastDurationSeconds }]) => {
        const totals = emptyTotals();
        window.addTo(totals, Math.floor((nowMs - HOUR_MS) / 60_000) * 60, nowMs / 1_000);
        return {
          job: name,
          ...figuresOf(totals, HOUR_MS / 1_000),
          lastSuccessAt: isoOrNull(lastSuccessMs),
          lastFailureAt: isoOrNull(lastFailureMs),
          lastDurationSeconds,
        };
      });
  }

  *successes(): Generator<JobSuccess> {
    for (const { service, environment, jobs } of this.#services.values()) {
      for (const [job, { lastSuccessMs }] of jobs.entries()) {
        if (lastSuccessMs > 0) yield { service, environment, job, lastSuccessMs };
      }
    }
  }

  forget(nowMs: UnixMs): void {
    for (const [key, { jobs }] of this.#services) {
      jobs.forget(nowMs / 1_000 - FORGET_AFTER_SECONDS);
      if (jobs.size === 0) this.#services.delete(key);
    }
  }

  toJSON(): JobBookState {
    return [...this.#services.values()].flatMap(({ service, environment, jobs }) =>
      [...jobs.entries()].map(([name, job]): JobBookState[number] => [
        [service, environment, name],
        [job.lastRunMs, job.lastSuccessMs, job.lastFailureMs, job.lastDurationSeconds],
      ]),
    );
  }

  load(state: JobBookState): void {
    this.#services.clear();
    for (const [[service, environment, name], times] of state) {
      const [lastRunMs, lastSuccessMs, lastFailureMs, lastDurationSeconds] = times;
      const job = this.#service(service, environment).jobs.use(name, lastRunMs / 1_000);
      Object.assign(job, { lastRunMs, lastSuccessMs, lastFailureMs, lastDurationSeconds });
    }
  }

  #service(service: string, environment: string): Service {
    const key = serviceKey(service, environment);
    let known = this.#services.get(key);
    if (!known) {
      known = { service, environment, jobs: new CardinalityGuard(MAX_JOBS, newJob) };
      this.#services.set(key, known);
    }
    return known;
  }
}

export type JobBookState = [
  id: [service: string, environment: string, job: string],
  times: [lastRunMs: UnixMs, lastSuccessMs: UnixMs, lastFailureMs: UnixMs, lastDurationSeconds: number],
][];

function newJob(): Job {
  return {
    window: new RequestWindow(60, 61),
    lastRunMs: 0,
    lastSuccessMs: 0,
    lastFailureMs: 0,
    lastDurationSeconds: 0,
  };
}

function serviceKey(service: string, environment: string): string {
  return `${service}\u0001${environment}`;
}

function isoOrNull(ms: UnixMs): string | null {
  return ms > 0 ? new Date(ms).toISOString() : null;
}
