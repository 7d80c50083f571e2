import type { UnixMs } from "@tocsin/model";
import type { BeforeAndAfter, DeploymentFigures } from "./deployment-figures.js";
import type { Deployment, DeploymentBook } from "./deployments.js";
import type { AttributeGroups, GroupBook } from "./group-book.js";
import type { JobBook, JobSignals } from "./job-book.js";
import type { MessageBook, MessageSignals } from "./message-book.js";
import type { RequestFigures } from "./request-window.js";
import type { Saturation, SaturationBook } from "./saturation.js";
import type { ServiceBook, VersionBook } from "./service-book.js";
import type { GraphEdge, ServiceGraph } from "./service-graph.js";
import type { SourceChoice } from "./source-choice.js";
import { type ChangeVerdict, compareFigures } from "./verdict.js";

/** The four signals of one service in one environment, as `/api/v1/services` shows them. Instants are ISO 8601. */
export interface ServiceSignals extends RequestFigures {
  readonly service: string;
  /** The newest version that serves. */
  readonly version: string;
  readonly environment: string;
  readonly saturation: Saturation;
  /** Of each queue or topic that it consumes, how many messages wait and how old they are, the longest queue first. */
  readonly messaging: readonly MessageSignals[];
  /** What requests were counted by. */
  readonly source: "metrics" | "spans";
  /** What it does: answers requests, handles messages, or runs jobs and nothing else. */
  readonly work: "requests" | "messages" | "jobs";
  /** Over which time the figures are: a minute, of a service that runs jobs an hour. */
  readonly windowSeconds: number;
  /** `quiet` when no request was seen for a minute. */
  readonly state: "receiving" | "quiet";
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
  /** Every version with requests in the last minute; two at once are a canary or a roll-out. */
  readonly versions: readonly ({
    readonly version: string;
    readonly saturation: Pick<Saturation, "ratio" | "part" | "instance">;
  } & RequestFigures)[];
  /** Routes that were not told apart because there are too many; 0 in a healthy service. */
  readonly foldedRoutes: number;
}

/** One service with everything about it, as `/api/v1/services/{name}` shows it. */
export interface ServiceDetail extends ServiceSignals {
  readonly routes: readonly ({ readonly route: string } & RequestFigures)[];
  /** Signals by the attributes of `signals.group_by`, where requests carry them. */
  readonly groups: readonly AttributeGroups[];
  /** Internal spans without a parent, also those of a service that answers requests. */
  readonly jobs: readonly JobSignals[];
  /** Calls from and to this service. */
  readonly dependencies: { readonly outgoing: readonly GraphEdge[]; readonly incoming: readonly GraphEdge[] };
  readonly deployments: readonly DeploymentReport[];
}

/** A deployment with what it changed. */
export interface DeploymentReport extends Omit<Deployment, "atMs">, BeforeAndAfter {
  readonly at: string;
  readonly verdict: ChangeVerdict;
}

/** The books that descriptions are made from. */
export interface SignalBooks {
  readonly book: ServiceBook;
  readonly choice: SourceChoice;
  readonly saturation: SaturationBook;
  readonly deployments: DeploymentBook;
  readonly deploymentFigures: DeploymentFigures;
  readonly graph: ServiceGraph;
  readonly jobs: JobBook;
  readonly groups: GroupBook;
  readonly messages: MessageBook;
}

/** A version that answered nothing for so long, while another did, serves no longer. */
const SILENT_AFTER_MS = 15_000;
const ACTIVE_WITHIN_MS = 60_000;

const WORK = { server: "requests", consumer: "messages", job: "jobs" } as const;

export function describeServices(books: SignalBooks, nowMs: UnixMs): ServiceSignals[] {
  return groups(books.book).map((versions) => describeService(books, versions, nowMs));
}

export function serviceDetail(
  books: SignalBooks,
  name: string,
  environment: string | undefined,
  nowMs: UnixMs,
): ServiceDetail | undefined {
  const candidates = groups(books.book).filter(
    ([first]) => first?.service === name && (environment === undefined || first.environment === environment),
  );
  // Without a choice the environment that was heard of last is meant.
  const [versions] = candidates.sort((a, b) => lastSeenOf(b) - lastSeenOf(a));
  if (!versions) return undefined;
  const edges = books.graph.edges(nowMs);
  const signals = describeService(books, versions, nowMs);
  return {
    ...signals,
    routes: books.book.routeFigures(versions, nowMs),
    groups: books.groups.groupsOf(name, signals.environment, nowMs),
    jobs: books.jobs.jobsOf(name, signals.environment, nowMs),
    dependencies: {
      outgoing: edges.filter(({ client }) => client === name),
      incoming: edges.filter(({ server, kind }) => server === name && kind === "service"),
    },
    deployments: deploymentReports(books, name, nowMs).filter(
      (each) => each.environment === signals.environment,
    ),
  };
}

export function deploymentReports(
  { deployments, deploymentFigures }: Pick<SignalBooks, "deployments" | "deploymentFigures">,
  service: string | undefined,
  nowMs: UnixMs,
): DeploymentReport[] {
  return deployments.list(service).map((deployment) => {
    const { atMs, ...shown } = deployment;
    const { before = null, after = null } = deploymentFigures.of(deployment, nowMs) ?? {};
    return {
      ...shown,
      at: new Date(atMs).toISOString(),
      before,
      after,
      verdict: compareFigures(before, after),
    };
  });
}

function describeService(
  books: SignalBooks,
  versions: readonly VersionBook[],
  nowMs: UnixMs,
): ServiceSignals {
  const { book, choice, saturation, deployments } = books;
  const { service = "", environment = "" } = versions[0] ?? {};
  const lastSeenMs = lastSeenOf(versions);
  const metrics =
    choice.sourceOf("server", service) === "metrics" || choice.sourceOf("consumer", service) === "metrics";
  return {
    service,
    version: servingVersion(versions, deployments.currentVersion(service, environment)),
    environment,
    ...book.figures(versions, nowMs),
    saturation: saturation.saturationOf(service, environment, nowMs),
    messaging: books.messages.messagesOf(service, environment, nowMs),
    source: metrics ? "metrics" : "spans",
    work: WORK[newest(versions).kind],
    windowSeconds: book.figuresSeconds(versions),
    state: nowMs - lastSeenMs > ACTIVE_WITHIN_MS ? "quiet" : "receiving",
    firstSeenAt: new Date(Math.min(...versions.map((each) => each.firstSeenMs))).toISOString(),
    lastSeenAt: new Date(Math.min(nowMs, lastSeenMs)).toISOString(),
    versions: versions
      .map((each) => {
        const { ratio, part, instance } = saturation.saturationOf(service, environment, nowMs, each.version);
        return {
          version: each.version,
          ...book.figures([each], nowMs),
          saturation: { ratio, part, instance },
        };
      })
      .filter(({ requests }) => requests > 0)
      .sort((a, b) => b.trafficPerSecond - a.trafficPerSecond),
    foldedRoutes: versions.reduce((sum, { routes }) => sum + routes.foldedCount, 0),
  };
}

/** The version deployed last, unless it answers no longer while another one does, as after a roll-back. */
function servingVersion(versions: readonly VersionBook[], deployed: string): string {
  const latest = newest(versions);
  const lastSeenMs = versions.find(({ version }) => version === deployed)?.lastSeenMs;
  if (lastSeenMs === undefined) return deployed || latest.version;
  return latest.lastSeenMs - lastSeenMs > SILENT_AFTER_MS ? latest.version : deployed;
}

function newest(versions: readonly VersionBook[]): VersionBook {
  return versions.reduce((a, b) => (b.lastSeenMs > a.lastSeenMs ? b : a));
}

/** Versions by service and environment, in the order of their names. */
function groups(book: ServiceBook): VersionBook[][] {
  const byService = new Map<string, VersionBook[]>();
  for (const version of book.versions()) {
    const key = `${version.service}\u0001${version.environment}`;
    const group = byService.get(key);
    if (group) group.push(version);
    else byService.set(key, [version]);
  }
  return [...byService].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function lastSeenOf(versions: readonly VersionBook[]): UnixMs {
  return Math.max(...versions.map((each) => each.lastSeenMs));
}
