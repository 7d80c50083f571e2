import {
  ActionError,
  type ActionRun,
  type ActionRunner,
  type CataloguedAction,
  type Person,
} from "@tocsin/alerts";
import { formatDuration } from "@tocsin/model";
import express, { type Request, type Response, Router } from "express";
import { z } from "zod";
import { iso, planJson, runJson } from "./actions-json.js";
import { BadRequest, jsonBody } from "./json-body.js";

/** What a person sends who says yes or no, or turns the switch. */
const Answer = z.strictObject({
  by: z.string().trim().max(200).optional(),
  reason: z.string().trim().max(2_000).default(""),
});

const Switch = Answer.extend({ stopped: z.boolean() });

/**
 * Actions under `/api/v1`: what was done or waits, and the ways in which a named person acts. A GET never acts, and
 * bodies must be JSON, which no form of a foreign web site can send.
 *
 *     GET  actions                     runs, newest first (?state= ?action= ?limit=)
 *     GET  actions/catalogue           configured actions with limits left, and the switch
 *     GET  actions/{id}                one run
 *     POST actions/{id}/approve        {by, reason}
 *     POST actions/{id}/decline        {by, reason}
 *     GET  actions/named/{name}/plan   what it would do now
 *     POST actions/named/{name}/run    {by, reason}
 *     POST actions/stop                {stopped, by, reason}
 */
export function actionsRoutes(runner: ActionRunner): Router {
  const router = Router();
  const json = express.json({ limit: "16kb" });

  router.get("/actions", (request, response) => {
    response.json(select(runner.runs(), request.query).map(runJson));
  });
  router.get("/actions/catalogue", (_request, response) => {
    const { stopped } = runner;
    response.json({
      stopped: stopped ? { by: stopped.by, reason: stopped.reason, since: iso(stopped.sinceMs) } : null,
      actions: runner.catalogue().map(catalogueJson),
    });
  });
  router.post("/actions/stop", json, (request, response) =>
    answer(response, async () => {
      const { stopped, ...rest } = jsonBody(Switch, request);
      await runner.stopAll(stopped, personOf(rest, request));
      return { stopped };
    }),
  );
  router.get("/actions/named/:name/plan", (request, response) =>
    answer(response, async () => {
      const { plan, guards } = await runner.plan(request.params.name);
      return { action: request.params.name, plan: plan ? planJson(plan) : null, guards };
    }),
  );
  router.post("/actions/named/:name/run", json, (request, response) =>
    answer(response, async () =>
      runJson(await runner.runNow(String(request.params.name), personOf(jsonBody(Answer, request), request))),
    ),
  );
  router.get("/actions/:id", (request, response) => {
    const run = runner.run(request.params.id);
    if (run) response.json(runJson(run));
    else
      response.status(404).json({ error: `There is no run ${request.params.id}.`, code: "ACTION_UNKNOWN" });
  });
  for (const verb of ["approve", "decline"] as const) {
    router.post(`/actions/:id/${verb}`, json, (request, response) =>
      answer(response, async () => {
        const person = personOf(jsonBody(Answer, request), request);
        return runJson(await runner[verb](String(request.params.id), person));
      }),
    );
  }
  return router;
}

/** Whoever the token names; without tokens, whoever the body names. */
function personOf(body: z.infer<typeof Answer>, request: Request): Person {
  const name = request.identity?.name;
  return { by: name !== undefined && name !== "anonymous" ? name : (body.by ?? ""), reason: body.reason };
}

function select(runs: readonly ActionRun[], query: Request["query"]): readonly ActionRun[] {
  const { state, action } = query;
  const limit = /^\d+$/.test(String(query.limit)) ? Number(query.limit) : 200;
  return runs
    .filter(
      (run) =>
        (state === undefined || run.state === state) && (action === undefined || run.action === action),
    )
    .slice(0, limit);
}

const STATUS: Readonly<Partial<Record<ActionError["code"], number>>> = {
  ACTION_UNKNOWN: 404,
  ACTION_PERSON_REQUIRED: 400,
  ACTION_NOT_WAITING: 409,
  ACTION_PLAN_CHANGED: 409,
  ACTION_GUARDED: 409,
};

async function answer(response: Response, work: () => Promise<unknown>): Promise<void> {
  try {
    response.json(await work());
  } catch (thrown) {
    if (thrown instanceof BadRequest) {
      response.status(400).json({ error: thrown.message, code: "REQUEST_INVALID" });
    } else if (thrown instanceof ActionError) {
      response.status(STATUS[thrown.code] ?? 502).json({ error: thrown.message, code: thrown.code });
    } else throw thrown;
  }
}

function catalogueJson(action: CataloguedAction) {
  const { limits, verify } = action;
  return {
    name: action.name,
    type: action.type,
    mode: action.mode,
    limits: {
      cooldown: formatDuration(limits.cooldownMs),
      maxPerDay: limits.maxPerDay,
      usedToday: action.usedToday,
      maxAtOnce: limits.maxAtOnce,
    },
    verify: {
      settle: formatDuration(verify.settleMs),
      window: formatDuration(verify.windowMs),
      within: formatDuration(verify.withinMs),
      revert: verify.revert,
    },
    repeatable: action.isRepeatable,
    revertible: action.canRevert,
  };
}
