import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryJournal } from "@tocsin/alerts";
import { ManualClock } from "@tocsin/model/testing";
import express from "express";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { tracesBody } from "../../test/otlp-data.js";
import { runCommand } from "../../test/run-command.js";
import { type ServedApp, serveApp } from "../../test/serve-app.js";
import { deploymentsRoutes } from "../api/deployments.js";
import { serviceGraphRoutes } from "../api/service-graph.js";
import { servicesRoutes } from "../api/services.js";
import { slosRoutes } from "../api/slos.js";
import { decodeTraces } from "../otlp/index.js";
import { Signals } from "../signals/signals.js";
import { compileSlo } from "../slo/compile.js";
import { SloConfig } from "../slo/config.js";
import { CorrectionBook } from "../slo/correction-book.js";
import { SloTracker } from "../slo/tracker.js";
import { type Command, UsageError } from "./command.js";
import { deploy } from "./deploy.js";
import { services } from "./services.js";
import { slo } from "./slo.js";

const NOW = Date.parse("2026-11-20T15:00:00Z");
let served: ServedApp;
let url = "";
let dir = "";

/** An hour at two requests a second, of which a fifth failed for the last ten minutes, since 1.42.0. */
function feed(signals: Signals): void {
  for (let ago = 3_600; ago > 0; ago -= 60) {
    const isNew = ago <= 600;
    const spans = Array.from({ length: 120 }, (_, index) => ({
      endMs: NOW - ago * 1_000 + index * 500,
      durationMs: 50,
      isError: isNew && index % 5 === 0,
      attributes: { "http.request.method": "POST", "http.route": "/pay" },
    }));
    const resource = { "service.name": "checkout", "service.version": isNew ? "1.42.0" : "1.41.3" };
    signals.observeTraces(decodeTraces(tracesBody(resource, spans)), NOW - (ago - 60) * 1_000);
  }
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-slo-"));
  const clock = new ManualClock(NOW);
  const sli = { type: "availability" };
  const actions = { page: ["rollback"] };
  const config = SloConfig.parse({ name: "orders", service: "checkout", objective: "99.9%", sli, actions });
  const tracker = new SloTracker([compileSlo(config)]);
  const signals = new Signals({ sinks: [tracker] });
  feed(signals);
  const corrections = await CorrectionBook.open({ tracker, journal: new MemoryJournal(), clock });
  const routers = [
    slosRoutes({ tracker, corrections, clock }),
    servicesRoutes({ signals, clock }),
    deploymentsRoutes({ signals, clock }),
    serviceGraphRoutes({ signals, clock }),
  ];
  const app = express();
  for (const router of routers) app.use("/api/v1", router);
  served = await serveApp(app);
  ({ url } = served);
});

afterAll(async () => {
  await served.close();
  await rm(dir, { recursive: true });
});

/** A line of a table without the padding of its columns. */
function cells(line: string | undefined): string {
  return (line ?? "").replaceAll(/ {2,}/g, " | ");
}

const run = (command: Command, args: readonly string[]) =>
  runCommand(command, args, { env: { TOCSIN_API_URL: url }, cwd: dir });

test("the list tells what is left and for how long", async () => {
  const { out } = await run(slo, ["list"]);
  expect(cells(out.split("\n")[1])).toBe(
    "orders | checkout | 99.9 % | 96.7 % | -3230 % | 200× 33.3× | page | The budget is overspent by 3230 %.",
  );
});

test("one SLO shows its pairs with their counts", async () => {
  const { out } = await run(slo, ["show", "orders"]);
  expect(out).toContain("orders: 99.9 % over 30d, checkout\n  good events   6960 of 7200\n");
  expect(cells(out)).toContain("page | 1h and 5m | 14.4× | 33.3× | 200× | 240 / 7200 | firing");
});

test("a simulation holds the objective as it is against another", async () => {
  const { out } = await run(slo, ["simulate", "orders", "--objective", "90%"]);
  expect(out).toContain("              now 99.9 %  with 90 %\n");
  expect(out).toMatch(/pages +1 +0\n/);
  expect(out).toMatch(/budget spent +3330 % +33\.3 %\n/);
  expect(out).toMatch(/actions +1 +0\n/);
  expect(out).toMatch(/ {2}page 2026-11-20T14:5\d:\d\d\.000Z .* \(gone\)/);
  await expect(run(slo, ["simulate", "orders", "--objective", "200%"])).rejects.toThrow(
    "The collector answered 400: objective=200% is not a ratio between 0 and 1, such as 99.5%.",
  );
});

test("a simulation of half a minute looks often enough to see an alert", async () => {
  const { out } = await run(slo, ["simulate", "orders", "--objective", "90%", "--since", "30s"]);
  expect(out).toMatch(/pages +1 +0\n/);
});

test("a report is a Markdown table of months", async () => {
  const { out } = await run(slo, ["report", "--month", "2026-11"]);
  expect(out).toContain(
    "| 2026-11 | orders | checkout | 99.9 % | 96.6667 % | 6,960 of 7,200 | 3330 % | missed |",
  );
  await expect(run(slo, ["report", "--month", "soon"])).rejects.toThrow(UsageError);
  const { out: year } = await run(slo, ["report", "orders", "--by", "year", "--json"]);
  expect(JSON.parse(year)).toMatchObject([{ name: "orders", period: "2026", good: 6_960, total: 7_200 }]);
  await expect(run(slo, ["report", "--by", "week"])).rejects.toThrow(
    "--by week is none of month, quarter, year.",
  );
});

test("services show the four signals, and one of them its routes and deployments", async () => {
  const { out } = await run(services, []);
  expect(cells(out)).toContain(
    "checkout | 1.42.0 | 2 /s | 20 % | 50 ms | 50 ms | 50 ms | not measured | spans",
  );
  const detail = await run(services, ["checkout"]);
  expect(cells(detail.out)).toContain("POST /pay | 2 /s | 20 % | 50 ms");
  expect(detail.out).toMatch(/1\.41\.3 → 1\.42\.0 +detected +0 % of 1200 +20 % of 1200 .*worse/);
});

test("a deployment that is marked is listed", async () => {
  const marked = await run(deploy, ["mark", "cart", "2.0.0", "--at", "2026-11-20T14:00:00Z"]);
  expect(marked.out).toBe("Marked: cart 2.0.0.\n");
  const { out } = await run(deploy, ["list", "cart"]);
  expect(cells(out.split("\n")[1])).toBe(
    "2026-11-20T14:00:00.000Z | cart | 2.0.0 | marked | – | – | – | – | too little data",
  );
  await expect(run(deploy, ["mark", "cart"])).rejects.toThrow(UsageError);
});

test("an SLO in detail has its burn-down, and a correction lowers what was spent", async () => {
  const detail = async () =>
    (await (await fetch(`${url}/api/v1/slos/orders`)).json()) as Record<string, never>;
  const before = await detail();
  expect((before.burnDown as unknown[]).length).toBe(61);
  const spentBy = before.spentBy as Record<string, unknown>[];
  expect(spentBy).toMatchObject([
    { by: "route", value: "POST /pay", bad: 240, total: 7_200, share: 1 },
    { by: "version", value: "1.42.0", bad: 240, total: 1_200, share: 1 },
    { by: "error", value: "error", bad: 240, total: 240, share: 1 },
  ]);
  expect(spentBy[0]!.budgetRatio).toBeCloseTo(240 / 7.2, 6);
  const body = JSON.stringify({
    from: "2026-11-20T14:50:00Z",
    to: "2026-11-20T15:00:00Z",
    reason: "load test",
  });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/api/v1/slos/orders/corrections`, { method: "POST", headers, body });
  expect([answer.status, await answer.json()]).toMatchObject([
    201,
    { excludedEvents: 1_200, reason: "load test" },
  ]);
  const after = await detail();
  expect(after).toMatchObject({
    bad: 0,
    total: 6_000,
    excludedEvents: 1_200,
    corrections: [{ reason: "load test" }],
  });
  const unknown = await fetch(`${url}/api/v1/slos/nothing`);
  expect([unknown.status, await unknown.json()]).toEqual([
    404,
    { error: 'There is no SLO "nothing". See /api/v1/slos.' },
  ]);
});

test("Sloth's form converts to ours and to OpenSLO; a fault is shown with its place", async () => {
  const text =
    "version: prometheus/v1\nservice: shop\nslos:\n  - name: a\n    objective: 99.9\n    sli: { raw: { error_ratio_query: x } }\n";
  await writeFile(join(dir, "sloth.yaml"), text);
  const own = await run(slo, ["convert", "sloth.yaml"]);
  expect(parse(own.out)).toMatchObject({
    slos: [{ name: "a", objective: "99.9%", sli: { type: "error_ratio" } }],
  });
  const open = await run(slo, ["convert", "sloth.yaml", "--to", "openslo"]);
  expect(parse(open.out)).toMatchObject({ apiVersion: "openslo/v1", kind: "SLO", spec: { service: "shop" } });
  await writeFile(join(dir, "bad.yaml"), text.replace("objective:", "objectiv:"));
  const bad = await run(slo, ["convert", "bad.yaml"]);
  expect(bad).toMatchObject({ code: 1, out: "" });
  expect(bad.err).toContain('bad.yaml:5:5 error[config/unknown-key] slos[0]: unknown key "objectiv".');
});

test("a correction takes events out and is listed with its reason", async () => {
  const times = ["--from", "2026-11-20T14:30:00Z", "--until", "2026-11-20T14:40:00Z"];
  await expect(run(slo, ["correct", "orders", ...times])).rejects.toThrow(UsageError);
  const { out } = await run(slo, ["correct", "orders", ...times, "--reason", "moved"]);
  expect(out).toBe(
    "Corrected: orders does not count 2026-11-20T14:30:00Z to 2026-11-20T14:40:00Z; 1,200 events were taken out.\n",
  );
  const detail = JSON.parse((await run(slo, ["show", "orders", "--json"])).out);
  expect(detail).toMatchObject({
    good: 4_800,
    total: 4_800,
    corrections: [{ reason: "moved", by: "" }, { reason: "load test" }],
  });
});
