import {
  ActionRunner,
  type ActionTrigger,
  actionDefinitions,
  actionsSchema,
  MemoryJournal,
  type SliReading,
} from "@tocsin/alerts";
import express from "express";
import { afterEach, expect, test } from "vitest";
import { serveApp } from "../../test/serve-app.js";
import { actionsRoutes } from "./actions.js";

const firing: ActionTrigger = {
  alertId: "a1-k0",
  alertName: "CheckoutBurn",
  startsAtMs: Date.UTC(2026, 0, 1, 14, 13),
  status: "firing",
  hasData: true,
  labels: { service: "checkout" },
  annotations: {},
  value: 92,
  slo: "checkout-availability",
};

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(app: express.Express): Promise<string> {
  const { url, close } = await serveApp(app);
  closing.push(close);
  return url;
}

async function bench(identity = "anonymous") {
  const calls: string[] = [];
  const target = await serve(
    express().use((request, response) => {
      calls.push(request.path);
      response.json({ ok: true });
    }),
  );
  const actions = actionsSchema(actionDefinitions).parse([
    { name: "rollback", mode: "approve", webhook: { url: `${target}/rollback?token=s3cret` } },
  ]);
  const reading: SliReading = {
    windowMs: 60_000,
    endMs: 0,
    good: 545,
    total: 600,
    errorRatio: 0.0917,
    burnRate: 92,
  };
  const sli = { read: async () => reading };
  const runner = await ActionRunner.open({ journal: new MemoryJournal(), actions, sli });
  closing.push(() => runner.close());
  const app = express();
  app.use((request, _response, next) => {
    request.identity = { name: identity, can: new Set(["act"]) };
    next();
  });
  app.use("/api/v1", actionsRoutes(runner));
  const url = `${await serve(app)}/api/v1/actions`;
  const get = async (path = ""): Promise<never> => (await fetch(`${url}${path}`)).json() as Promise<never>;
  const post = async (path: string, body: unknown, type = "application/json") => {
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": type },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { runner, get, post, calls };
}

test("lists runs with plan, mode, state, times and guards, and no secret", async () => {
  const { runner, get } = await bench();
  expect(await get()).toEqual([]);
  await runner.alertChanged(firing, ["rollback"]);
  const runs: unknown[] = await get();
  expect(runs).toMatchObject([
    {
      action: "rollback",
      type: "webhook",
      mode: "approve",
      state: "waiting",
      alert: { name: "CheckoutBurn", startsAt: "2026-01-01T14:13:00.000Z" },
      slo: "checkout-availability",
      plan: { summary: expect.stringContaining("/rollback with the alert"), needed: true },
      verdict: null,
      startedAt: null,
    },
  ]);
  expect(JSON.stringify(runs)).not.toContain("s3cret");
  expect(await get("?state=done")).toEqual([]);
  expect(await get("?state=waiting&action=rollback&limit=1")).toHaveLength(1);
});

test("approve needs a named person and a JSON body; then the action is done", async () => {
  const { runner, post, calls } = await bench();
  await runner.alertChanged(firing, ["rollback"]);
  const { id } = runner.runs()[0]!;
  expect(await post(`/${id}/approve`, {})).toMatchObject({
    status: 400,
    body: { code: "ACTION_PERSON_REQUIRED" },
  });
  expect(await post(`/${id}/approve`, { by: "ana" }, "text/plain")).toMatchObject({ status: 400 });
  expect(await post(`/${id}/approve`, { by: "ana", hurry: true })).toMatchObject({ status: 400 });
  expect(calls).toEqual([]);
  const acted = new Promise<void>((resolve) =>
    runner.onChange(({ state }) => state === "verifying" && resolve()),
  );
  expect(await post(`/${id}/approve`, { by: "ana", reason: "bad deploy" })).toMatchObject({
    status: 200,
    body: { answer: { answer: "approved", by: "ana", reason: "bad deploy" } },
  });
  await acted;
  expect(calls).toEqual(["/rollback"]);
  expect(await post(`/${id}/approve`, { by: "ana" })).toMatchObject({
    status: 409,
    body: { code: "ACTION_NOT_WAITING" },
  });
});

test("with tokens the person is the token's, whatever the body says", async () => {
  const { runner, post } = await bench("ben");
  await runner.alertChanged(firing, ["rollback"]);
  const { id } = runner.runs()[0]!;
  expect(await post(`/${id}/decline`, { by: "ana", reason: "no" })).toMatchObject({
    status: 200,
    body: { state: "declined", answer: { by: "ben" } },
  });
});

test("a run that is not known is 404", async () => {
  const { get, post } = await bench();
  expect(await get("/act-0")).toMatchObject({ code: "ACTION_UNKNOWN" });
  expect(await post("/act-0/approve", { by: "ana" })).toMatchObject({ status: 404 });
});

test("the switch stops everything and says who turned it", async () => {
  const { get, post } = await bench();
  expect(await post("/stop", { stopped: true })).toMatchObject({
    status: 400,
    body: { code: "ACTION_PERSON_REQUIRED" },
  });
  expect(await post("/stop", { stopped: true, by: "ana", reason: "migration" })).toMatchObject({
    status: 200,
  });
  expect(await get("/catalogue")).toMatchObject({
    stopped: { by: "ana", reason: "migration" },
    actions: [{ name: "rollback", mode: "approve", limits: { cooldown: "30m", maxPerDay: 4, usedToday: 0 } }],
  });
  expect(await post("/named/rollback/run", { by: "ana" })).toMatchObject({
    status: 409,
    body: { code: "ACTION_GUARDED" },
  });
  await post("/stop", { stopped: false, by: "ana" });
  expect(await get("/catalogue")).toMatchObject({ stopped: null });
});

test("a plan can be asked for without anything happening", async () => {
  const { get, calls } = await bench();
  expect(await get("/named/rollback/plan")).toMatchObject({
    plan: { needed: true },
    guards: expect.any(Array),
  });
  expect(await get("/named/rolback/plan")).toMatchObject({ code: "ACTION_UNKNOWN" });
  expect(calls).toEqual([]);
});
