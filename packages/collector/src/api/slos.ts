import type { Clock, Labels } from "@tocsin/model";
import { Router } from "express";
import { burnDown } from "../slo/burn-down.js";
import { type SloStatus, statusOf } from "../slo/status.js";
import type { TrackedSlo } from "../slo/tracker.js";

export interface SlosDeps {
  readonly tracker: {
    statuses(nowMs: number): readonly SloStatus[];
    tracked(): readonly TrackedSlo[];
  };
  readonly clock: Clock;
}

/**
 * `GET /slos`: every SLO (every group of those with `by`) with counts, budget, burn rates and pairs.
 * `GET /slos/{name}`: one, with the points of its burn-down; query parameters choose a group, such as `?route=/pay`.
 */
export function slosRoutes({ tracker, clock }: SlosDeps): Router {
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
      response.status(404).json({ error: `There is no SLO "${name}". See /api/v1/slos.` });
      return;
    }
    const { book, spec, group } = chosen;
    response.json({
      ...statusOf(book, group, nowMs),
      place: spec.place ?? null,
      groups: groups.map((each) => each.group),
      actions: spec.actions,
      burnDown: burnDown(book, nowMs),
      months: book.months(),
    });
  });
  return router;
}

function matches(group: Labels, query: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(group).every(([label, value]) => query[label] === value);
}
