import { type Clock, type Labels, parseDuration } from "@tocsin/model";
import { ratio } from "@tocsin/model/config";
import express, { Router } from "express";
import { z } from "zod";
import { burnDown } from "../slo/burn-down.js";
import type { CorrectionBook } from "../slo/correction-book.js";
import { boundsAt, nominalMs } from "../slo/period.js";
import { compareAlerts, simulate } from "../slo/simulate.js";
import type { SloSpec } from "../slo/spec.js";
import type { Spender } from "../slo/spenders.js";
import { remainingBudget, type SloStatus, statusOf } from "../slo/status.js";
import type { TrackedSlo } from "../slo/tracker.js";
import { defaultPairs } from "../slo/window-pair.js";
import type { HistoryBucket } from "../slo/window-ring.js";

export interface SlosDeps {
  readonly tracker: {
    statuses(nowMs: number): readonly SloStatus[];
    tracked(): readonly TrackedSlo[];
    history(name: string): readonly HistoryBucket[];
  };
  /** Where corrections are kept; without it none can be made. */
  readonly corrections?: Pick<CorrectionBook, "add" | "list">;
  readonly clock: Clock;
}

const Correction = z
  .strictObject({
    from: z.iso.datetime({ offset: true }),
    to: z.iso.datetime({ offset: true }),
    reason: z.string().min(1),
  })
  .refine(({ from, to }) => Date.parse(from) < Date.parse(to), {
    error: "A correction ends after it begins.",
  });

/**
 * - `GET /slos`: every SLO (every group of those with `by`) with counts, budget, burn rates and pairs
 * - `GET /slos/{name}`: one, with what spent its budget and the points of its burn-down; query parameters choose a group, such as `?route=/pay`
 * - `GET /slos/{name}/simulate?objective=&window=&since=`: its own counts replayed, as it is against as it would be
 * - `POST /slos/{name}/corrections {from, to, reason}`: takes the events of a stretch of time out
 */
export function slosRoutes(deps: SlosDeps): Router {
  const { tracker, corrections, clock } = deps;
  const router = Router();
  router.get("/slos", (_request, response) => {
    response.json(tracker.statuses(clock.now()));
  });
  router.get("/slos/:name", (request, response) => {
    const { name } = request.params;
    const nowMs = clock.now();
    const groups = tracker.tracked().filter(({ spec }) => spec.name === name);
    const chosen = groups.find(({ group }) => matches(group, request.query)) ?? groups[0];
    if (!chosen) {
      response.status(404).json({ error: unknown(name) });
      return;
    }
    const { book, spec, group } = chosen;
    response.json({
      ...statusOf(book, group, nowMs),
      place: spec.place ?? null,
      groups: groups.map((each) => each.group),
      actions: spec.actions,
      burnDown: burnDown(book, nowMs),
      spentBy: spentBy(chosen, nowMs),
      months: book.months(),
      corrections: (corrections?.list(name) ?? []).map(({ atMs, fromMs, toMs, reason, by }) => ({
        at: iso(atMs),
        from: iso(fromMs),
        to: iso(toMs),
        reason,
        by,
      })),
    });
  });
  router.get("/slos/:name/simulate", (request, response) => {
    const { name } = request.params;
    const spec = tracker.tracked().find((each) => each.spec.name === name)?.spec;
    if (!spec) {
      response.status(404).json({ error: unknown(name) });
      return;
    }
    const changed = changedSpec(spec, request.query);
    if (!changed.ok) {
      response.status(400).json({ error: changed.error });
      return;
    }
    response.json(simulation(spec, changed, tracker.history(name), clock.now()));
  });
  router.post("/slos/:name/corrections", express.json(), async (request, response) => {
    const { name } = request.params;
    const parsed = Correction.safeParse(request.body);
    if (!parsed.success) {
      response.status(400).json({ error: `Not a correction: ${z.prettifyError(parsed.error)}` });
      return;
    }
    if (!corrections) {
      response.status(501).json({ error: "This collector keeps no journal, so corrections cannot be made." });
      return;
    }
    const { from, to, reason } = parsed.data;
    const by = request.identity?.name ?? "";
    const events = await corrections.add({
      slo: name,
      fromMs: Date.parse(from),
      toMs: Date.parse(to),
      reason,
      by,
    });
    if (events === undefined) response.status(404).json({ error: unknown(name) });
    else response.status(201).json({ slo: name, from, to, reason, by, excludedEvents: events });
  });
  return router;
}

type Changed = { ok: true; spec: SloSpec; sinceMs: number | undefined } | { ok: false; error: string };

function changedSpec(spec: SloSpec, query: Readonly<Record<string, unknown>>): Changed {
  const { objective, window, since } = query;
  try {
    const parsed = typeof objective === "string" ? ratio().safeParse(objective) : undefined;
    if (parsed && (!parsed.success || parsed.data <= 0 || parsed.data >= 1)) {
      return {
        ok: false,
        error: `objective=${String(objective)} is not a ratio between 0 and 1, such as 99.5%.`,
      };
    }
    const period =
      typeof window === "string"
        ? ({ kind: "rolling", lengthMs: parseDuration(window) } as const)
        : spec.period;
    return {
      ok: true,
      spec: {
        ...spec,
        objective: parsed?.data ?? spec.objective,
        period,
        // Another period has other windows; an SLO with pairs of its own keeps them.
        pairs: typeof window === "string" ? defaultPairs(nominalMs(period)) : spec.pairs,
      },
      sinceMs: typeof since === "string" ? parseDuration(since) : undefined,
    };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

function simulation(
  spec: SloSpec,
  changed: Extract<Changed, { ok: true }>,
  history: readonly HistoryBucket[],
  nowMs: number,
) {
  const firstMs = (history[0]?.second ?? nowMs / 1_000) * 1_000;
  const fromMs = changed.sinceMs === undefined ? firstMs : Math.max(firstMs, nowMs - changed.sinceMs);
  const shortest = Math.min(...[...spec.pairs, ...changed.spec.pairs].map(({ shortMs }) => shortMs));
  // A fifth of the shortest window tells its alerts apart, and a young SLO is looked at a few hundred times all the same; a
  // month is still a few thousand steps.
  const lengthMs = nowMs - fromMs;
  const wantedMs = Math.max(Math.min(shortest / 5, lengthMs / 300), lengthMs / 50_000);
  const stepMs = Math.max(1_000, Math.floor(wantedMs / 1_000) * 1_000);
  const before = simulate(spec, history, fromMs, nowMs, stepMs);
  const after = simulate(changed.spec, history, fromMs, nowMs, stepMs);
  return {
    name: spec.name,
    from: iso(fromMs),
    to: iso(nowMs),
    stepSeconds: stepMs / 1_000,
    coarsestSeconds: Math.max(0, ...history.map(({ widthSeconds }) => widthSeconds)),
    before,
    after,
    pages: compareAlerts(before.pages, after.pages),
  };
}

/** Values of each kind that the answer names. */
const SPENDERS = 10;

/** A value that spent budget; `budgetRatio` is the part of the period's whole budget that went to it. */
export type SpentBy = Spender & { readonly budgetRatio: number };

/** What spent the period's budget so far. */
function spentBy({ book, spec }: TrackedSlo, nowMs: number): SpentBy[] {
  const { startMs } = boundsAt(spec.period, nowMs);
  const spent = 1 - remainingBudget(book, book.periodCounts(nowMs), nowMs);
  if (spent <= 0) return [];
  return book
    .spenders(startMs, nowMs, SPENDERS)
    .map((spender) => ({ ...spender, budgetRatio: spender.share * spent }));
}

/** What `GET /slos/{name}/simulate` answers. */
export type SimulationAnswer = ReturnType<typeof simulation>;

function matches(group: Labels, query: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(group).every(([label, value]) => query[label] === value);
}

function unknown(name: string): string {
  return `There is no SLO "${name}". See /api/v1/slos.`;
}

function iso(atMs: number): string {
  return new Date(Math.round(atMs)).toISOString();
}
