import type { UnixMs } from "@tocsin/model";
import type { DecodeOptions, MetricColumns, OtlpResource, SpanColumns, WantedKeys } from "../otlp/index.js";
import { DeploymentFigures, type DeploymentFiguresState } from "./deployment-figures.js";
import {
  type Deployment,
  DeploymentBook,
  type DeploymentBookState,
  type DeploymentMark,
} from "./deployments.js";
import { GroupBook, type GroupBookState } from "./group-book.js";
import { JobBook, type JobBookState } from "./job-book.js";
import { LagBook } from "./lag-book.js";
import { MessageBook } from "./message-book.js";
import { observeMetricRequests } from "./metric-requests.js";
import type { Observation } from "./observation.js";
import { releaseOf } from "./release.js";
import { requestKeys } from "./request-attributes.js";
import type { RequestSink } from "./requests.js";
import { SaturationBook } from "./saturation.js";
import type { SaturationLimits } from "./saturation-parts.js";
import { SeriesDeltas, type SeriesDeltasState } from "./series-deltas.js";
import { ServiceBook, type ServiceBookState } from "./service-book.js";
import { ServiceGraph, type ServiceGraphState } from "./service-graph.js";
import {
  type DeploymentReport,
  deploymentReports,
  describeServices,
  type ServiceDetail,
  type ServiceSignals,
  serviceDetail,
} from "./service-signals.js";
import { type MetricOrigin, SourceChoice, type SourceChoiceState } from "./source-choice.js";
import { type ObservationSink, observeSpans } from "./span-requests.js";

export interface SignalsOptions {
  /** Who else is told of every request, such as the SLO tracker. */
  readonly sinks?: readonly RequestSink[];
  /** When listening began; counts of senders that are older are only a base line. Default: the first record. */
  readonly sinceMs?: UnixMs;
  /** Attributes whose values are told apart. Default: none. */
  readonly groupBy?: readonly string[];
  /** Values of one attribute of one service that are told apart. Default 200. */
  readonly maxGroups?: number;
  /** Ratio, over 0, at which services' traces are sampled that do not say so in `tracestate`. Default: all are sent. */
  readonly sampled?: ReadonlyMap<string, number>;
  /** Where the parts of a service are full that have no limit of their own. */
  readonly saturation?: SaturationLimits;
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
 * twice. No clock: the time is that of the records. One piece as the folder's only door: most methods hand on to one of its
 * parts, and what is counted must be placed in all of them at once.
 */
export class Signals {
  readonly #sinks: readonly RequestSink[];
  readonly #choice = new SourceChoice();
  readonly #deltas: SeriesDeltas;
  readonly #services = new ServiceBook();
  readonly #saturation: SaturationBook;
  readonly #deployments = new DeploymentBook();
  readonly #lags = new LagBook();
  readonly #messages = new MessageBook(this.#lags);
  readonly #graph: ServiceGraph;
  /** For how many requests one span stands, by service, where `tracestate` does not say. */
  readonly #weights: ReadonlyMap<string, number>;
  readonly #deploymentFigures = new DeploymentFigures();
  readonly #jobs = new JobBook();
  readonly #groups: GroupBook;
  readonly #spanKeys: WantedKeys;
  /** Attributes whose values are told apart. */
  readonly groupBy: readonly string[];
  #accepted = 0;
  #tooLate = 0;
  #fromFuture = 0;
  #receivedSecond = 0;
  #forgotAtMs = 0;
  #revision = 0;

  constructor(options: SignalsOptions = {}) {
    this.#sinks = options.sinks ?? [];
    this.#deltas = new SeriesDeltas(options.sinceMs);
    this.groupBy = options.groupBy ?? [];
    this.#groups = new GroupBook(options.maxGroups);
    this.#saturation = new SaturationBook(options.saturation);
    this.#spanKeys = requestKeys(this.groupBy);
    this.#weights = new Map([...(options.sampled ?? [])].map(([service, ratio]) => [service, 1 / ratio]));
    this.#graph = new ServiceGraph({
      onMessage: (message) => this.#messages.add(message),
      weights: this.#weights,
    });
  }

  /** How to decode spans for `observeTraces`: what is not read is passed over. All attributes work too. */
  get spanOptions(): DecodeOptions {
    return { attributes: this.#spanKeys, events: false, links: false };
  }

  observeTraces(columns: SpanColumns, receivedAtMs: UnixMs): void {
    this.#begin(columns.resources, earliest(columns.endTimeMs, columns.rowCount), receivedAtMs);
    observeSpans(columns, {
      choice: this.#choice,
      groupBy: this.groupBy,
      sink: this.#sink,
      weights: this.#weights,
    });
    this.#graph.observe(columns, receivedAtMs);
  }

  /** Decode with all attributes: any of them may tell two series apart. */
  observeMetrics(columns: MetricColumns, receivedAtMs: UnixMs, origin: MetricOrigin = "otlp"): void {
    this.#begin(columns.resources, earliest(columns.startTimeMs, columns.pointCount), receivedAtMs);
    observeMetricRequests(columns, {
      choice: this.#choice,
      deltas: this.#deltas,
      groupBy: this.groupBy,
      sink: this.#sink,
      origin,
    });
    this.#saturation.observe(columns);
    this.#lags.observe(columns);
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

  markDeployment(mark: DeploymentMark): Deployment {
    const deployment = this.#deployments.mark(mark);
    this.#compare(deployment);
    this.#revision++;
    return deployment;
  }

  /** Changes with what no received record tells of, so that a snapshot is due. */
  revision(): number {
    return this.#revision;
  }

  /** Edges between services over the last minute. */
  graph(nowMs: UnixMs): ReturnType<ServiceGraph["edges"]> {
    return this.#graph.edges(nowMs);
  }

  /** What the edges counted, for series. */
  graphTotals(): ReturnType<ServiceGraph["totals"]> {
    return this.#graph.totals();
  }

  /** Every version with its totals, for series. */
  versions(): ReturnType<ServiceBook["versions"]> {
    return this.#services.versions();
  }

  /** What the values of attributes counted, for series. */
  groupTotals(): ReturnType<GroupBook["totals"]> {
    return this.#groups.totals();
  }

  /** How fast requests with the values of attributes were answered in the last minute, for series. */
  groupLatencies(nowMs: UnixMs): ReturnType<GroupBook["latencies"]> {
    return this.#groups.latencies(nowMs);
  }

  /** When jobs last succeeded, for series. */
  jobSuccesses(): ReturnType<JobBook["successes"]> {
    return this.#jobs.successes();
  }

  /** What must survive a restart, as JSON in bytes. Figures of the last minute are not part of it. */
  snapshot(): Uint8Array {
    const state: SignalsState = {
      format: 1,
      choice: this.#choice.toJSON(),
      deltas: this.#deltas.toJSON(),
      deployments: this.#deployments.toJSON(),
      deploymentFigures: this.#deploymentFigures.toJSON(),
      services: this.#services.toJSON(),
      groups: this.#groups.toJSON(),
      jobs: this.#jobs.toJSON(),
      graph: this.#graph.toJSON(),
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
    if (state.deploymentFigures)
      this.#deploymentFigures.load(state.deploymentFigures, this.#deployments.list());
    this.#services.load(state.services ?? []);
    this.#groups.load(state.groups ?? []);
    this.#jobs.load(state.jobs ?? []);
    this.#graph.load(state.graph ?? []);
    [this.#accepted, this.#tooLate, this.#fromFuture] = state.counts;
  }

  /** Has a deployment's requests counted, before and after. */
  #compare(deployment: Deployment): void {
    this.#deploymentFigures.begin(deployment, (version, fromMs, toMs) => {
      const { service, environment } = deployment;
      const own = [...this.#services.versions()].filter(
        (each) => each.service === service && each.environment === environment && each.version === version,
      );
      return this.#services.totalsBetween(own, fromMs, toMs);
    });
  }

  #begin(resources: readonly OtlpResource[], earliestMs: UnixMs, receivedAtMs: UnixMs): void {
    this.#deltas.listenFrom(receivedAtMs);
    this.#receivedSecond = Math.floor(receivedAtMs / 1_000);
    // What is sent first tells of the time since a process began to serve, as far as a clock can be trusted.
    const sinceMs = Math.min(receivedAtMs, Math.max(earliestMs, receivedAtMs - LONGEST_EXPORT_MS));
    for (const resource of resources) {
      const { serviceName, environment } = resource;
      const release = releaseOf(resource);
      const found = this.#deployments.observe(serviceName, environment, release, sinceMs, receivedAtMs);
      if (found) this.#compare(found);
    }
    if (receivedAtMs - this.#forgotAtMs < 60_000) return;
    this.#forgotAtMs = receivedAtMs;
    this.#deltas.forget(receivedAtMs);
    this.#saturation.forget(receivedAtMs);
    this.#services.forget(receivedAtMs);
    this.#deploymentFigures.close(this.#deployments.list(), receivedAtMs);
    this.#groups.forget(receivedAtMs);
    this.#jobs.forget(receivedAtMs);
    this.#graph.forget(receivedAtMs);
    this.#lags.forget(receivedAtMs);
    this.#messages.forget(receivedAtMs);
  }

  readonly #sink: ObservationSink = {
    request: (observation) => {
      const { count } = observation;
      if (observation.toSecond > this.#receivedSecond + AHEAD_SECONDS) this.#fromFuture += count;
      if (!this.#place(observation)) {
        this.#tooLate += count;
        return;
      }
      this.#accepted += count;
      this.#services.add(observation);
      if (observation.kind === "consumer") this.#messages.noteConsumer(observation);
      this.#deploymentFigures.add(observation);
      for (const sink of this.#sinks) sink.onRequests(observation);
    },
    grouped: (observation, key) => {
      if (!this.#place(observation)) return;
      this.#groups.add(observation, key);
      for (const sink of this.#sinks) sink.onGrouped?.(observation, key);
    },
    job: (observation) => {
      if (!this.#place(observation)) return;
      this.#jobs.add(observation);
      for (const sink of this.#sinks) sink.onJob?.(observation);
    },
  };

  /** Puts an observation where it counts. @returns false when it is too late to count */
  #place(observation: Observation): boolean {
    const received = this.#receivedSecond;
    if (observation.toSecond < received - LATEST_SECONDS) return false;
    if (observation.toSecond > received + AHEAD_SECONDS) {
      observation.fromSecond = received;
      observation.toSecond = received;
    }
    // A sender that was away for long added its requests some time in between; the last hour takes them all.
    observation.fromSecond = Math.max(observation.fromSecond, received - LATEST_SECONDS);
    return true;
  }

  #parts() {
    return {
      book: this.#services,
      choice: this.#choice,
      saturation: this.#saturation,
      deployments: this.#deployments,
      deploymentFigures: this.#deploymentFigures,
      graph: this.#graph,
      jobs: this.#jobs,
      groups: this.#groups,
      messages: this.#messages,
    };
  }
}

interface SignalsState {
  format: number;
  choice: SourceChoiceState;
  deltas: SeriesDeltasState;
  deployments: DeploymentBookState;
  /** Absent in what an older version wrote. */
  deploymentFigures?: DeploymentFiguresState;
  /** This and the next three are absent in what an older version wrote. */
  services?: ServiceBookState;
  groups?: GroupBookState;
  jobs?: JobBookState;
  graph?: ServiceGraphState;
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
