// Our side: a head behind remote write and the Prometheus API, without spool and store, in a process of its own.
import { createServer } from "node:http";
import express from "express";
import { Registry } from "prom-client";
import { headCatalogue, prometheusRoutes } from "../../packages/collector/dist/api/prometheus/index.js";
import { Head } from "../../packages/collector/dist/head/index.js";
import { WriteRequestAppender } from "../../packages/collector/dist/head/write-request-appender.js";
import { remoteWriteRoutes } from "../../packages/collector/dist/remote-write/receive-routes.js";
import { systemClock } from "../../packages/model/dist/index.js";
import { Engine } from "../../packages/promql/dist/index.js";

const head = new Head(
  { retentionMs: 3 * 3_600_000, outOfOrderMs: 600_000, maxSeries: 1_000_000, maxLabels: 64 },
  { clock: systemClock },
);
const appender = new WriteRequestAppender(head);
const app = express();
app.use(
  "/api/v1/write",
  remoteWriteRoutes({
    append: async ({ body }) => appender.append(body),
    clock: systemClock,
    registry: new Registry(),
    maxBytes: 64 << 20,
  }),
);
app.use(
  prometheusRoutes({
    queryable: new Engine().over(head),
    catalogue: headCatalogue(head),
    storage: head,
    clock: systemClock,
    maxQueryMs: 120_000,
    version: "bench",
  }),
);
app.get("/memory", (_request, response) => {
  global.gc?.();
  response.json({ rss: process.memoryUsage().rss, samples: head.samples.sizeBytes, series: head.index.size });
});
const server = createServer(app).listen(0, "127.0.0.1", () => {
  process.stdout.write(`${server.address().port}\n`);
});
