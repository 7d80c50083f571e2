import type { UnixMs } from "@tocsin/model";
import { SloLedger } from "./ledger.js";
import type { SloSpec } from "./spec.js";
import { errorBudgetOf } from "./spec.js";
import { isSlowTicket, readPairs, remainingBudget } from "./status.js";
import type { Severity } from "./window-pair.js";
import type { HistoryBucket } from "./window-ring.js";

/** One alert that would have been. ISO 8601; `endsAt` is null when it would still be on. */
export interface SimulatedAlert {
  readonly severity: Severity;
  readonly startsAt: string;
  readonly endsAt: string | null;
  readonly seconds: number;
}

/** What an SLO would have done over a stretch of history. */
export interface Simulation {
  readonly objective: number;
  readonly pages: readonly SimulatedAlert[];
  readonly tickets: readonly SimulatedAlert[];
  /** Actions that would have been considered: those of each severity, once per alert. */
  readonly actions: number;
  /** Share of the period's budget that was spent at the end. */
  readonly budgetSpentRatio: number;
  readonly events: number;
}

/**
 * Replays counts through an SLO's pairs, gate and budget. Events of a bucket are spread evenly over it, so alerts are as
 * exact in time as the history is fine.
 *
 * @param history in rising order of time
 * @param stepMs time between two evaluations
 */
export function simulate(
  spec: SloSpec,
  history: Iterable<HistoryBucket>,
  fromMs: UnixMs,
  toMs: UnixMs,
  stepMs: number,
): Simulation {
  // Slices were judged when the history was made; its counts are taken as they are.
  const ledger = new SloLedger({ ...spec, corrections: [], budgeting: { kind: "occurrences" } });
  const open = new Map<Severity, UnixMs>();
  const alerts: SimulatedAlert[] = [];
  const step = stepMs / 1_000;
  let events = 0;
  let evaluatedMs = fromMs;
  const evaluateUpTo = (untilMs: UnixMs) => {
    for (; evaluatedMs + stepMs <= untilMs; evaluatedMs += stepMs) note(evaluatedMs + stepMs);
  };
  for (const bucket of history) {
    const end = bucket.second + bucket.widthSeconds;
    if (end * 1_000 <= fromMs || bucket.second * 1_000 >= toMs) continue;
    events += bucket.total;
    for (let second = bucket.second; second < end; second += step) {
      evaluateUpTo(second * 1_000);
      const width = Math.min(step, end - second);
      const share = (at: number, count: number) =>
        Math.floor((count * Math.min(at - bucket.second, bucket.widthSeconds)) / bucket.widthSeconds);
      const total = share(second + width, bucket.total) - share(second, bucket.total);
      const bad = share(second + width, bucket.bad) - share(second, bucket.bad);
      ledger.record(second, bad, total);
    }
  }
  evaluateUpTo(toMs);
  for (const [severity, startMs] of open) alerts.push(alertOf(severity, startMs, undefined, toMs));
  const remaining = remainingBudget(ledger, ledger.periodCounts(toMs), toMs);
  const pages = alerts.filter(({ severity }) => severity === "page");
  const tickets = alerts.filter(({ severity }) => severity === "ticket");
  return {
    objective: spec.objective,
    pages,
    tickets,
    actions: pages.length * spec.actions.page.length + tickets.length * spec.actions.ticket.length,
    budgetSpentRatio: 1 - remaining,
    events,
  };

  function note(nowMs: UnixMs): void {
    const readings = readPairs(ledger, nowMs);
    for (const severity of ["page", "ticket"] as const) {
      const own = readings.filter(({ pair }) => pair.severity === severity);
      let isOn = own.some(({ state }) => state === "firing");
      if (!isOn && severity === "ticket" && spec.evidenceGate && own.some(({ state }) => state === "gated")) {
        const remainingRatio = remainingBudget(ledger, ledger.periodCounts(nowMs), nowMs);
        isOn = isSlowTicket(readings, errorBudgetOf(spec), remainingRatio);
      }
      const startMs = open.get(severity);
      if (isOn && startMs === undefined) open.set(severity, nowMs);
      // While nothing comes in nobody knows; an alert that is on stays on.
      const isUnknown = own.some(({ state }) => state === "no-data");
      if (!isOn && !isUnknown && startMs !== undefined) {
        open.delete(severity);
        alerts.push(alertOf(severity, startMs, nowMs, nowMs));
      }
    }
  }
}

/** Which alerts of the first simulation the second one has as well, and which only the second has. */
export function compareAlerts(
  before: readonly SimulatedAlert[],
  after: readonly SimulatedAlert[],
): { alert: SimulatedAlert; change: "kept" | "gone" | "new" }[] {
  const overlap = (a: SimulatedAlert, b: SimulatedAlert) =>
    a.severity === b.severity && a.startsAt <= (b.endsAt ?? "9") && b.startsAt <= (a.endsAt ?? "9");
  return [
    ...before.map((alert) => ({
      alert,
      change: after.some((other) => overlap(alert, other)) ? ("kept" as const) : ("gone" as const),
    })),
    ...after
      .filter((alert) => !before.some((other) => overlap(alert, other)))
      .map((alert) => ({ alert, change: "new" as const })),
  ].sort((a, b) => (a.alert.startsAt < b.alert.startsAt ? -1 : 1));
}

function alertOf(
  severity: Severity,
  startMs: UnixMs,
  endMs: UnixMs | undefined,
  untilMs: UnixMs,
): SimulatedAlert {
  return {
    severity,
    startsAt: new Date(startMs).toISOString(),
    endsAt: endMs === undefined ? null : new Date(endMs).toISOString(),
    seconds: Math.round((untilMs - startMs) / 1_000),
  };
}
