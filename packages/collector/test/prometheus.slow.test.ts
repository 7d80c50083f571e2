import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "@tocsin/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Collector, startCollector } from "../src/collector.js";
import { loadSetup } from "../src/config/setup.js";
import { freePort, hasPrometheus, PrometheusServer } from "./prometheus-server.js";

let dir = "";
let collector: Collector;
let prometheus: PrometheusServer;
let tocsin = "";
let theirs = "";

interface Answer {
  data: { result: { metric: Record<string, string>; values: [number, string][]; value: [number, string] }[] };
}

async function ask(base: string, query: string, time?: number) {
  const form = new URLSearchParams({ query, ...(time === undefined ? {} : { time: String(time) }) });
  const response = await fetch(`${base}/api/v1/query`, { method: "POST", body: form });
  return ((await response.json()) as Answer).data.result;
}

describe.skipIf(!hasPrometheus())("a real Prometheus", () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "tocsin-prometheus-"));
    const port = await freePort();
    theirs = `http://127.0.0.1:${port}`;
    const file = join(dir, "tocsin.yaml");
    await writeFile(
      file,
      JSON.stringify({
        listen: { api: "127.0.0.1:0", otlp_http: "127.0.0.1:0", otlp_grpc: "127.0.0.1:0" },
        store: "none",
        scrape_configs: [
          {
            job_name: "theirs",
            scrape_interval: "1s",
            static_configs: [{ targets: [`127.0.0.1:${port}`] }],
          },
        ],
        remote_write: [
          {
            url: `${theirs}/api/v1/write`,
            write_relabel_configs: [
              { source_labels: ["job"], regex: "theirs", action: "keep" },
              { target_label: "via", replacement: "tocsin" },
            ],
          },
        ],
      }),
    );
    const { setup, problems } = await loadSetup(file, dir, {});
    if (setup === undefined) throw new Error(JSON.stringify(problems));
    collector = await startCollector({
      setup,
      readSetup: async () => setup,
      env: {},
      dataDir: join(dir, "tocsin"),
      clock: systemClock,
      logger: silentLogger,
    });
    const { api } = collector.bound;
    tocsin = `http://127.0.0.1:${api.port}/prometheus`;
    prometheus = await PrometheusServer.start({
      dir,
      port,
      args: ["--web.enable-remote-write-receiver"],
      config: {
        global: { scrape_interval: "1s" },
        scrape_configs: [
          { job_name: "tocsin", static_configs: [{ targets: [`127.0.0.1:${api.port}`] }] },
          {
            job_name: "federate",
            honor_labels: true,
            metrics_path: "/prometheus/federate",
            params: { "match[]": ['{job="theirs"}'] },
            metric_relabel_configs: [{ target_label: "via", replacement: "federate" }],
            static_configs: [{ targets: [`127.0.0.1:${api.port}`] }],
          },
        ],
        remote_write: [{ url: `${tocsin}/api/v1/write`, queue_config: { batch_send_deadline: "200ms" } }],
      },
    });
  });

  afterAll(async () => {
    await prometheus?.stop();
    await collector?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const patience = { timeout: 60_000, interval: 500 };

  test("scrapes our /metrics", async () => {
    const isReady = () =>
      fetch(`${theirs}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(isReady, patience).toBe(true);
    await expect.poll(async () => (await ask(theirs, 'up{job="tocsin"}'))[0]?.value[1], patience).toBe("1");
    expect(await ask(theirs, "tocsin_head_series")).toHaveLength(1);
  });

  test("remote-writes into us exactly what it has", async () => {
    const query = '{__name__=~"tocsin_.*|up|scrape_.*",job="tocsin"}[10s]';
    await expect
      .poll(async () => (await ask(tocsin, 'count_over_time(up{job="tocsin"}[1m])'))[0]?.value[1], patience)
      .toMatch(/^\d{2,}$/);
    const time = Date.now() / 1_000 - 3;
    await expect
      .poll(async () => (await ask(tocsin, 'up{job="tocsin"}'))[0]?.value[0], patience)
      .toBeGreaterThan(time);
    const sorted = (list: Answer["data"]["result"]) =>
      list
        // Left-open ranges differ from those of Prometheus 2 where a sample lies on the boundary.
        .map(({ metric, values }) => [
          JSON.stringify(metric, Object.keys(metric).sort()),
          values.filter(([at]) => at > time - 10),
        ])
        .sort();
    const ours = sorted(await ask(tocsin, query, time));
    expect(ours.length).toBeGreaterThan(20);
    expect(ours).toEqual(sorted(await ask(theirs, query, time)));
  });

  test("is scraped by us, and reads it back from our federate and our remote write", async () => {
    await expect.poll(async () => (await ask(tocsin, 'up{job="theirs"}'))[0]?.value[1], patience).toBe("1");
    for (const via of ["federate", "tocsin"]) {
      const query = `prometheus_tsdb_head_series{job="theirs",via="${via}"}`;
      await expect.poll(async () => (await ask(theirs, query)).length, patience).toBe(1);
    }
  });
});
