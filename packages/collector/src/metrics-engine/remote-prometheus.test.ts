import { ManualClock } from "@tocsin/model/testing";
import { Engine, MemoryStorage } from "@tocsin/promql";
import express from "express";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServedApp, serveApp } from "../../test/serve-app.js";
import { headCatalogue, prometheusRoutes } from "../api/prometheus/index.js";
import { Head } from "../head/index.js";
import { RemotePrometheus } from "./remote-prometheus.js";

const NOW = 1_790_000_000_000;
const clock = new ManualClock(NOW);
const storage = new MemoryStorage();
const local = new Engine().over(storage);
let served: ServedApp;
let remote: RemotePrometheus;

// The other side is our own API in front of the same samples: both ways must give the same results.
beforeAll(async () => {
  for (let step = 0; step <= 20; step++) {
    for (const job of ["a", "b"]) {
      storage.append(
        { __name__: "reqs_total", job },
        NOW - (20 - step) * 15_000,
        step * (job === "a" ? 3 : 0.1),
      );
    }
  }
  const histogram = {
    schema: 0,
    count: 3,
    sum: 4,
    zeroThreshold: 0,
    zeroCount: 0,
    positive: { offset: 0, buckets: [3] },
    negative: { offset: 0, buckets: [] },
    counterResetHint: "unknown",
  } as const;
  storage.append({ __name__: "native" }, NOW, histogram);
  const head = new Head({ retentionMs: 1, outOfOrderMs: 1, maxSeries: 1, maxLabels: 1 }, { clock });
  const routes = prometheusRoutes({
    queryable: local,
    catalogue: headCatalogue(head),
    storage,
    clock,
    maxQueryMs: 10_000,
    version: "0",
  });
  const app = express().use("/prometheus", routes);
  app.post("/broken/api/v1/query", (_request, response) => {
    response.status(502).send("<html>bad gateway</html>");
  });
  served = await serveApp(app);
  remote = client("/prometheus/");
});
afterAll(() => served.close());

function client(path: string) {
  return new RemotePrometheus({ url: `${served.url}${path}`, headers: {}, timeoutMs: 5_000 });
}

test.each([
  "reqs_total",
  "rate(reqs_total[1m])",
  "1 / 0",
  '"text"',
  "reqs_total[1m]",
  "-1 / vector(0)",
  "quantile(2, reqs_total)",
])("%s gives what our own engine gives", async (query) => {
  expect(await remote.instantQuery(query, NOW)).toEqual(await local.instantQuery(query, NOW));
});

test("a range too", async () => {
  const query = "sum by (job) (rate(reqs_total[1m]))";
  expect(await remote.rangeQuery(query, NOW - 60_000, NOW, 15_000)).toEqual(
    await local.rangeQuery(query, NOW - 60_000, NOW, 15_000),
  );
});

test.each([
  ["sum(", { code: "PROMQL_PARSE" }],
  ["reqs_total * on () reqs_total", { code: "PROMQL_EVAL" }],
  ["native", { code: "PROMQL_UNSUPPORTED" }],
])("%s fails as it does here", async (query, want) => {
  await expect(remote.instantQuery(query, NOW)).rejects.toMatchObject(want);
});

test("a server that is away, or a proxy in its place, is worth another try", async () => {
  await expect(client("/broken").instantQuery("up", NOW)).rejects.toMatchObject({
    code: "PROMQL_TIMEOUT",
    retryable: true,
    message: expect.stringContaining("502"),
  });
  const nobody = new RemotePrometheus({ url: "http://127.0.0.1:1", headers: {}, timeoutMs: 5_000 });
  await expect(nobody.instantQuery("up", NOW)).rejects.toMatchObject({
    code: "PROMQL_TIMEOUT",
    retryable: true,
  });
});
