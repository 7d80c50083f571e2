import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "@tocsin/model/testing";
import { Engine } from "@tocsin/promql";
import express from "express";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../test/run-command.js";
import { headCatalogue, prometheusRoutes } from "../api/prometheus/index.js";
import { Head } from "../head/index.js";
import { check } from "./check.js";
import { NotReachedError } from "./command.js";

const NOW = Date.parse("2026-11-20T15:00:00Z");
let server: Server;
let origin = "";
let dir = "";

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-seen-"));
  const clock = new ManualClock(NOW);
  const head = new Head(
    { retentionMs: 3 * 3_600_000, outOfOrderMs: 600_000, maxSeries: 1_000, maxLabels: 32 },
    { clock },
  );
  const sample = (__name__: string, labels: Record<string, string>) =>
    head.appendSamples([{ labels: { __name__, ...labels }, timeMs: NOW, value: 1 }]);
  sample("http_requests_total", { job: "api", code: "200" });
  sample("http_requests_total", { job: "cart", code: "200" });
  sample("tocsin_service_requests_total", { service: "checkout" });
  const routes = prometheusRoutes({
    queryable: new Engine().over(head),
    catalogue: headCatalogue(head),
    storage: head,
    clock,
    maxQueryMs: 60_000,
    rules: { groups: () => [], alerts: () => [] },
    targets: { active: () => [], dropped: () => [] },
    version: "0.1.0",
  });
  // A collector has the API under /prometheus, a Prometheus server at the top.
  server = createServer(express().use("/collector/prometheus", routes).use("/server", routes));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true });
});

async function checked(text: string, url = `${origin}/collector`) {
  await writeFile(join(dir, "file.yaml"), text);
  return runCommand(check, ["file.yaml", "--url", url], { cwd: dir });
}

const rule = (expr: string) => `groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: ${expr}\n`;
const slo = (sli: string) => `slos:\n  - name: a\n    service: shop\n    objective: 99%\n    sli:\n${sli}`;
const ratio = (bad: string) =>
  slo(`      type: ratio\n      bad: ${bad}\n      total: sum(rate(http_requests_total[$window]))\n`);

describe.each(["/collector", "/server"])("a server at %s", (path) => {
  test("a metric of a rule that was never seen is named with its place and the nearest name", async () => {
    const { code, out } = await checked(rule("rate(http_reqests_total[5m]) > 1"), origin + path);
    expect(code).toBe(0);
    expect(out).toBe(
      "file.yaml:5:20 warning[promql/never-seen] http_reqests_total was never seen here, so this selects nothing.\n" +
        "   5 |         expr: rate(http_reqests_total[5m]) > 1\n" +
        "     |                    ^^^^^^^^^^^^^^^^^^ Did you mean http_requests_total?\n",
    );
  });
});

test.each([
  {
    name: "a metric of an SLO in the short form",
    text: ratio("sum(rate(http_errors_total[$window]))"),
    want: ["file.yaml:7:21 warning[promql/never-seen] http_errors_total was never seen here"],
  },
  {
    name: "a metric of a Sloth specification, behind a template",
    text: `version: prometheus/v1
service: shop
slos:
  - name: a
    objective: 99
    sli:
      events:
        error_query: sum(rate(http_requests_total{code="500"}[{{.window}}])) - sum(rate(http_canceled[{{.window}}]))
        total_query: sum(rate(http_requests_total[{{.window}}]))
`,
    want: ["file.yaml:8:89 warning[promql/never-seen] http_canceled was never seen here"],
  },
  {
    name: "a metric of an OpenSLO indicator in a document of its own",
    text: `apiVersion: openslo/v1
kind: SLI
metadata: { name: age }
spec:
  thresholdMetric:
    metricSource:
      type: Prometheus
      spec: { query: 'max(queue_age)' }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: queue }
spec:
  service: worker
  indicatorRef: age
  timeWindow: [{ duration: 4w, isRolling: true }]
  budgetingMethod: Occurrences
  objectives: [{ op: lt, value: 30, target: 0.99 }]
`,
    want: ["file.yaml:8:27 warning[promql/never-seen] queue_age was never seen here"],
  },
  {
    name: "a label that the metric has not",
    text: rule('http_requests_total{jbo="api"} > 1'),
    want: [
      'file.yaml:5:35 warning[promql/never-seen] http_requests_total never had a label "jbo"',
      'Did you mean "job"?',
    ],
  },
  {
    name: "a value that the label never had",
    text: rule('http_requests_total{job="crt"} > 1'),
    want: ['http_requests_total was never seen with job="crt"', 'Did you mean "cart"?'],
  },
  {
    name: "a service that was never seen",
    text: slo("      type: availability\n").replace("service: shop", "service: chekout"),
    want: [
      'file.yaml:3:14 warning[slo/service-never-seen] The service "chekout" was never seen here',
      'Did you mean "checkout"?',
    ],
  },
])("$name is warned of", async ({ text, want }) => {
  const { code, out } = await checked(text);
  expect(code).toBe(0);
  expect(out.match(/warning\[/g)).toHaveLength(1);
  for (const part of want) expect(out).toContain(part);
});

test.each([
  { name: "what is there", text: rule('http_requests_total{job="api",code=~"5..",env=""} > 1') },
  {
    name: "failures that have not happened yet",
    text: ratio('sum(rate(http_requests_total{code="500"}[$window]))'),
  },
  { name: "what absent looks for", text: rule('absent(up{job="gone"})') },
  { name: "alerts that were never on", text: rule('ALERTS{alertname="B"} == 1') },
  {
    name: "what a recording rule of the same file will make",
    text: `${rule("job:requests:rate5m > 1")}      - { record: "job:requests:rate5m", expr: "rate(http_requests_total[5m])" }\n`,
  },
])("$name is not warned of", async ({ text }) => {
  expect((await checked(text)).out).toBe("");
});

test("a server that does not answer ends the command as not reached", async () => {
  const closed = `http://127.0.0.1:1`;
  await expect(checked(rule("x > 1"), closed)).rejects.toThrow(NotReachedError);
});

test("a server without Prometheus's API is named as such", async () => {
  await expect(checked(rule("x > 1"), `${origin}/other`)).rejects.toThrow("The collector answered 404");
});
