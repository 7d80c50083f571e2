import type { UnixMs } from "@tocsin/model";
import type { MetricColumns, OtlpResource, SpanColumns } from "../otlp/index.js";
import { type Deployment, DeploymentBook, type DeploymentBookState } from "./deployments.js";
import { observeMetricRequests } from "./metric-requests.js";
import type { Observation } from "./observation.js";
import type { RequestSink } from "./requests.js";
import { SaturationBook } from "./saturation.js";
import { SeriesDeltas, type SeriesDeltasState } from "./series-deltas.js";
import { ServiceBook } from "./service-book.js";
import { ServiceGraph } from "./service-graph.js";
import {
  type DeploymentReport,
  deploymentReports,
  describeServices,
  type ServiceDetail,
  type ServiceSignals,
  serviceDetail,
} from "./service-signals.js";
import { SourceChoice, type SourceChoiceState } from "./source-choice.js";
import { observeSpans } from "./span-requests.js";

export interface SignalsOptions {
  /** Who else is told of every request, such as the SLO tracker. */
  readonly sinks?: readonly RequestSink[];
  /** When listening began; counts of senders that are older are only a base line. Default: the first record. */
  readonly sinceMs?: UnixMs;
}

/** What was done with the requests that were found. */
export interface SignalsCounts {
  /** Requests counted (weights added up). */
  readonly accepted: number;
  /** Requests over an hour late, not counted. */
  readonly tooLate: number;
  /** Requests from over a minute ahead, counted at the time they were received. */
  readonly fromFuture: number;
}

const LATEST_SECONDS = 3_600;
const AHEAD_SECONDS = 60;
const LONGEST_EXPORT_MS = 60_000;

/**
 * Golden signals of every service, computed as data arrives, before any sampling. It is handed decoded requests in the
 * order of the spool and keeps its state in memory; `snapshot` and `restore` carry over what must not be counted
 * twice. No clock: the time is that of the records.
 */
export class Signals {
  readonly #sinks: readonly RequestSink[];
  readonly #choice = new SourceChoice();
  readonly #deltas: SeriesDeltas;
  readonly #services = new ServiceBook();
  readonly #saturation = new SaturationBook();
  readonly #deployments = new DeploymentBook();
  readonly #graph = new ServiceGraph();
  #accepted = 0;
  #tooLate = 0;
  #fromFuture = 0;
  #receivedSecond = 0;
  #forgotAtMs = 0;

  constructor(options: SignalsOptions = {}) {
    this.#sinks = options.sinks ?? [];
    this.#deltas = new SeriesDeltas(options.sinceMs);
  }

  /** Decode with `{ attributes: REQUEST_KEYS, events: false, links: false }` for speed; all attributes work too. */
  observeTraces(columns: SpanColumns, receivedAtMs: UnixMs): void {
    this.#begin(columns.resources, earliest(columns.endTimeMs, columns.rowCount), receivedAtMs);
    observeSpans(columns, this.#choice, this.#take);
    this.#graph.observe(columns, receivedAtMs);
  }

  /** Decode with all attributes: any of them may tell two series apart. */
  observeMetrics(columns: MetricColumns, receivedAtMs: UnixMs): void {
    this.#begin(columns.resources, earliest(columns.startTimeMs, columns.pointCount), receivedAtMs);
    observeMetricRequests(columns, this.#choice, this.#deltas, this.#take);
    this.#saturation.observe(columns);
  }

  get counts(): SignalsCounts {
    return { accepted: this.#accepted, tooLate: this.#tooLate, fromFuture: this.#fromFuture };
  }

  /** For `/api/v1/services`: one entry per service and environment, in the order of their names. */
  services(nowMs: UnixMs): ServiceSignals[] {
    return describeServices(this.#parts(), nowMs);
  }

  /** For `/api/v1/services/{name}`; undefined when nothing was heard of it. */
  service(name: string, nowMs: UnixMs, environment?: string): ServiceDetail | undefined {
    return serviceDetail(this.#parts(), name, environment, nowMs);
  }

  /** How full a service is, 0–1; undefined when nothing was measured lately. */
  saturationRatio(service: string, environment: string | undefined, nowMs: UnixMs): number | undefined {
    const ratios = this.services(nowMs)
      .filter(
        (each) => each.service === service && (environment === undefined || each.environment === environment),
      )
      .flatMap(({ saturation }) => saturation.ratio ?? []);
    return ratios.length > 0 ? Math.max(...ratios) : undefined;
  }

  /** Deployments with figures before and after, newest first. */
  deployments(nowMs: UnixMs, service?: string): DeploymentReport[] {
    return deploymentReports(this.#parts(), service, nowMs);
  }

  markDeployment(deployment: {
    service: string;
    environment: string;
    version: string;
    atMs: UnixMs;
    by: string;
  }): Deployment {
    return this.#deployments.mark(deployment);
  }

  /** Edges between services over the last minute. */
  graph(nowMs: UnixMs): ReturnType<ServiceGraph["edges"]> {
    return this.#graph.edges(nowMs);
  }

  /** Every version with its totals, for series. */
  versions(): ReturnType<ServiceBook["versions"]> {
    return this.#services.versions();
  }

  /** What must survive a restart, as JSON in bytes. Figures of the last minute are not part of it. */
  snapshot(): Uint8Array {
    const state: SignalsState = {
      format: 1,
      choice: this.#choice.toJSON(),
      deltas: this.#deltas.toJSON(),
      deployments: this.#deployments.toJSON(),
      counts: [this.#accepted, this.#tooLate, this.#fromFuture],
    };
    return Buffer.from(JSON.stringify(state));
  }

  restore(bytes: Uint8Array): void {
    const state = JSON.parse(Buffer.from(bytes).toString("utf8")) as SignalsState;
    if (state.format !== 1) return;
    this.#choice.load(state.choice);
    this.#deltas.load(state.deltas);
    this.#deployments.load(state.deployments);
    [this.#accepted, this.#tooLate, this.#fromFuture] = state.counts;
  }

  #begin(resources: readonly OtlpResource[], earliestMs: UnixMs, receivedAtMs: UnixMs): void {
    this.#deltas.listenFrom(receivedAtMs);
    this.#receivedSecond = Math.floor(receivedAtMs / 1_000);
    // What is sent first tells of the time since a process began to serve, as far as a clock can be trusted.
    const sinceMs = Math.min(receivedAtMs, Math.max(earliestMs, receivedAtMs - LONGEST_EXPORT_MS));
    for (const { serviceName, environment, serviceVersion } of resources) {
      this.#deployments.observe(serviceName, environment, serviceVersion, sinceMs, receivedAtMs);
    }
    if (receivedAtMs - this.#forgotAtMs < 60_000) return;
    this.#forgotAtMs = receivedAtMs;
    this.#deltas.forget(receivedAtMs);
    this.#saturation.forget(receivedAtMs);
    this.#services.forget(receivedAtMs);
  }

  readonly #take = (observation: Observation): void => {
    if (observation.toSecond < this.#receivedSecond - LATEST_SECONDS) {
      this.#tooLate += observation.count;
      return;
    }
    if (observation.toSecond > this.#receivedSecond + AHEAD_SECONDS) {
      this.#fromFuture += observation.count;
      observation.fromSecond = this.#receivedSecond;
      observation.toSecond = this.#receivedSecond;
    }
    // A sender that was away for long added its requests some time in between; the last hour takes them all.
    observation.fromSecond = Math.max(observation.fromSecond, this.#receivedSecond - LATEST_SECONDS);
    this.#accepted += observation.count;
    this.#services.add(observation);
    for (const sink of this.#sinks) sink.onRequests(observation);
  };

  #parts() {
    return {
      book: this.#services,
      choice: this.#choice,
      saturation: this.#saturation,
      deployments: this.#deployments,
      graph: this.#graph,
    };
  }
}

interface SignalsState {
  format: number;
  choice: SourceChoiceState;
  deltas: SeriesDeltasState;
  deployments: DeploymentBookState;
  counts: [accepted: number, tooLate: number, fromFuture: number];
}

function earliest(instants: Float64Array, count: number): UnixMs {
  let least = Number.POSITIVE_INFINITY;
  for (let index = 0; index < count; index++) {
    const instant = instants[index] ?? 0;
    if (instant > 0 && instant < least) least = instant;
  }
  return least;
}
