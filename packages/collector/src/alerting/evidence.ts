import type {
  Alert,
  Evidence,
  EvidenceChange,
  EvidenceCollector,
  EvidenceShare,
  ExplainableAlert,
} from "@tocsin/alerts";
import type { Clock, UnixMs } from "@tocsin/model";
import type { Queryable } from "@tocsin/promql";
import { changeText } from "../signals/deployments.js";
import type { Signals } from "../signals/signals.js";
import type { LatencyReader, SpanGroups } from "../store/traces/latency-reader.js";
import type { TraceReader } from "../store/traces/trace-reader.js";
import { valueHistory } from "./value-history.js";

/** Deployments up to this long before an alert's condition began to hold are near. */
const NEAR_MS = 3_600_000;
const MOST_CHANGES = 5;
const MOST_SHARES = 3;
const MOST_TRACES = 5;
/** Failing traces are looked for from this long before the condition held. */
const TRACES_BEFORE_MS = 900_000;
const STORE_LIMIT_MS = 5_000;

export interface EvidenceDeps {
  readonly signals: Pick<Signals, "deployments" | "service">;
  /** Undefined where nothing is kept, or the store is not ready. */
  readonly store: () =>
    | { readonly traces: Pick<TraceReader, "search">; readonly latency: Pick<LatencyReader, "groups"> }
    | undefined;
  /** What rules are evaluated with. */
  readonly queryable: Pick<Queryable, "rangeQuery">;
  readonly clock: Clock;
}

/**
 * What a rule cannot know of its service: deployments near, where errors are, and traces that failed. What is in memory
 * goes out with the first message; traces are looked up afterwards.
 */
export function createEvidenceCollector({
  signals,
  store,
  queryable,
  clock,
}: EvidenceDeps): EvidenceCollector {
  return {
    async collect(alert, nowMs) {
      const { service, environment, slo } = alert.labels;
      if (service === undefined) return {};
      const changes = changesOf(signals, service, environment, alert.activeAtMs, nowMs);
      // SLOs count their own bad events, over their own windows.
      const where = slo === undefined ? errorShares(signals, service, environment, nowMs) : [];
      return { changes, ...(where.length > 0 ? { where } : {}) };
    },
    async collectLater(alert, nowMs) {
      const limit = new AbortController();
      const cancel = clock.after(STORE_LIMIT_MS, () => limit.abort());
      const { signal } = limit;
      const { condition } = alert.evidence ?? {};
      try {
        const [history, stored] = await Promise.all([
          condition === undefined
            ? undefined
            : // What the rule's own series say is worth having without the store, and the other way round.
              valueHistory(condition, alert.labels, alert.activeAtMs, nowMs, queryable, signal).catch(
                () => undefined,
              ),
          storedFacts(alert, nowMs, store(), signal),
        ]);
        return { ...(history ? { history } : {}), ...stored };
      } finally {
        cancel();
      }
    },
  };
}

/** Traces that failed, and of which types their errors are. */
async function storedFacts(
  alert: ExplainableAlert,
  nowMs: UnixMs,
  store: ReturnType<EvidenceDeps["store"]>,
  signal: AbortSignal,
): Promise<Partial<Evidence>> {
  const { service, environment, slo } = alert.labels;
  if (service === undefined || store === undefined) return {};
  const filter = {
    service,
    status: "error" as const,
    startMs: alert.activeAtMs - TRACES_BEFORE_MS,
    endMs: nowMs,
    ...(environment === undefined
      ? {}
      : { attributes: [{ key: "deployment.environment.name", value: environment }] }),
  };
  const [{ traces }, where] = await Promise.all([
    store.traces.search(filter, { limit: MOST_TRACES, signal }),
    // SLOs count the types of their own bad events.
    slo === undefined
      ? errorTypes(await store.latency.groups(filter, "error.type", MOST_SHARES, signal))
      : [],
  ]);
  return {
    ...(traces.length > 0 ? { traceIds: traces.map(({ traceId }) => traceId) } : {}),
    ...(where.length > 0 ? { where } : {}),
  };
}

function errorTypes({ groups }: SpanGroups): EvidenceShare[] {
  const bad = groups.reduce((sum, { errorCount }) => sum + errorCount, 0);
  return groups
    .filter(({ key, errorCount }) => key !== "" && errorCount > 0)
    .map(({ key, errorCount, spanCount }) => ({
      by: "error",
      value: key,
      bad: errorCount,
      total: spanCount,
      share: errorCount / bad,
    }));
}

function changesOf(
  signals: EvidenceDeps["signals"],
  service: string,
  environment: string | undefined,
  activeAtMs: UnixMs,
  nowMs: UnixMs,
): EvidenceChange[] {
  return signals
    .deployments(nowMs, service)
    .filter((each) => environment === undefined || each.environment === environment)
    .map((each) => ({ ...each, atMs: Date.parse(each.at) }))
    .filter(({ atMs }) => atMs >= activeAtMs - NEAR_MS && atMs <= nowMs)
    .sort((a, b) => Math.abs(a.atMs - activeAtMs) - Math.abs(b.atMs - activeAtMs))
    .slice(0, MOST_CHANGES)
    .map((each) => ({ atMs: each.atMs, kind: "deploy", text: `${service} ${changeText(each)}` }));
}

/** Where errors are: the routes with the most, and versions where several serve at once. */
function errorShares(
  signals: EvidenceDeps["signals"],
  service: string,
  environment: string | undefined,
  nowMs: UnixMs,
): EvidenceShare[] {
  const found = signals.service(service, nowMs, environment);
  const versions = found?.versions ?? [];
  return [
    ...shares(
      "route",
      (found?.routes ?? []).map(({ route, ...figures }) => ({ value: route, ...figures })),
    ),
    ...(versions.length > 1
      ? shares(
          "version",
          versions.map(({ version, ...figures }) => ({ value: version, ...figures })),
        )
      : []),
  ];
}

function shares(
  by: string,
  parts: readonly { readonly value: string; readonly errors: number; readonly requests: number }[],
): EvidenceShare[] {
  const bad = parts.reduce((sum, { errors }) => sum + errors, 0);
  return parts
    .filter(({ errors }) => errors > 0)
    .sort((a, b) => b.errors - a.errors)
    .slice(0, MOST_SHARES)
    .map(({ value, errors, requests }) => ({ by, value, bad: errors, total: requests, share: errors / bad }));
}

/** What an evaluation of the same condition at the same instant says now. */
export interface Replay {
  readonly result: "same" | "different" | "unknown";
  /** For people. */
  readonly text: string;
}

export interface ReplayDeps {
  /** Counts of an SLO's window as of an instant; undefined for an SLO that is gone. */
  readonly sloWindow: (
    alert: Alert,
    window: string,
    atMs: UnixMs,
  ) => { readonly bad: number; readonly total: number } | undefined;
  /** Values of an expression at an instant. */
  readonly query: (
    expression: string,
    atMs: UnixMs,
  ) => Promise<readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]>;
}

/** Evaluates what fired again, as of then, from the samples that are still kept. */
export async function replayEvidence(alert: Alert, evidence: Evidence, deps: ReplayDeps): Promise<Replay> {
  if (evidence.windows && evidence.windows.length > 0) return replayWindows(alert, evidence, deps);
  const [then] = evidence.values ?? [];
  if (evidence.condition === undefined || then === undefined)
    return { result: "unknown", text: "no value was stored to compare with" };
  try {
    const samples = await deps.query(evidence.condition, evidence.atMs);
    const wanted = Object.entries(then.labels ?? {}).filter(([name]) => name !== "__name__");
    const again = samples.find(({ labels }) => wanted.every(([name, value]) => labels[name] === value));
    if (again && isNear(again.value, then.value)) return SAME;
    if (!again)
      return {
        result: "different",
        text: "the condition does not hold now, or its samples are no longer kept",
      };
    return { result: "different", text: `the value is ${again.value} now, and was ${then.value}` };
  } catch (error) {
    return { result: "unknown", text: error instanceof Error ? error.message : String(error) };
  }
}

const SAME: Replay = { result: "same", text: "same result" };

function replayWindows(alert: Alert, evidence: Evidence, { sloWindow }: ReplayDeps): Replay {
  for (const { window, bad, total } of evidence.windows ?? []) {
    const again = sloWindow(alert, window, evidence.atMs);
    if (!again) return { result: "unknown", text: "the SLO is no longer there" };
    if (isNear(again.bad, bad) && isNear(again.total, total)) continue;
    return {
      result: "different",
      text: `${window} now counts ${again.bad} of ${again.total}; it was ${bad} of ${total}. Events that came late, or counts that have been joined since, do that`,
    };
  }
  return SAME;
}

/** Sums in another order differ in their last digits. */
function isNear(a: number, b: number): boolean {
  return (
    a === b ||
    (Number.isNaN(a) && Number.isNaN(b)) ||
    Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b))
  );
}
