import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { formatLabels, silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readLabels, readWriteRequest } from "../remote-write/write-request.js";
import { ScrapeConfigs } from "./config.js";
import { podTargets } from "./discovery/kubernetes.js";
import { createHttpGetter } from "./http-get.js";
import { ScrapeManager } from "./scrape-manager.js";

const NOW = 1_790_000_000_000;
let server: Server;
let address = "";
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let dir = "";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-scrape-"));
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

const page = (text: string, type = "text/plain; version=0.0.4") => {
  answer = (_request, response) => response.setHeader("content-type", type).end(text);
};

function setUp() {
  const clock = new ManualClock(NOW);
  const written: string[] = [];
  const metadata: string[] = [];
  const append = async ({ body }: { body: Buffer }) => {
    let labels = "";
    readWriteRequest(body, {
      series: (bytes) => {
        labels = formatLabels(readLabels(bytes));
      },
      sample: (_timeMs, value, isStale, startMs) =>
        written.push(`${labels} ${isStale ? "stale" : value}${startMs ? ` since ${startMs}` : ""}`),
      histogram: () => undefined,
      exemplar: (exemplar, value) => written.push(`${labels} # ${formatLabels(exemplar)} ${value}`),
      metadata: (name, type, help) => metadata.push(`${name} ${type} ${help}`),
    });
  };
  const manager = new ScrapeManager({
    append,
    clock,
    logger: silentLogger,
    registry: new Registry(),
    http: createHttpGetter(),
    baseDir: dir,
    env: {},
    dns: {
      resolve4: async (name) => (name === "db" ? ["10.1.1.1"] : []),
      resolve6: async () => ["::1"],
      resolveSrv: async () => [{ name: "srv-1", port: 9100 }],
      resolveMx: async () => [],
    },
  });
  /** One interval further; what was written without the report about the scrape. */
  async function turn(isReport = false): Promise<string[]> {
    written.length = 0;
    await clock.advance(15_000);
    await expect.poll(() => written.some((line) => line.startsWith("up{"))).toBe(true);
    await clock.advance(0);
    return written.filter((line) => /^(up|scrape_\w+)\{/.test(line) === isReport).sort();
  }
  return { clock, manager, turn, written, metadata };
}

const job = (extra: object = {}) =>
  ScrapeConfigs.parse([
    { job_name: "node", static_configs: [{ targets: [address], labels: { env: "test" } }], ...extra },
  ]);

test("scrapes, labels, reports, and ends what disappears", async () => {
  const { manager, turn, metadata } = setUp();
  page('# HELP m A metric.\n# TYPE m gauge\nm{a="1"} 1\nm{a="2"} 2\nm{job="own"} 3\n');
  await manager.apply(job());
  const target = `env="test", instance="${address}", job="node"`;
  expect(await turn()).toEqual([
    `m{a="1", ${target}} 1`,
    `m{a="2", ${target}} 2`,
    `m{env="test", exported_job="own", instance="${address}", job="node"} 3`,
  ]);
  expect(metadata).toEqual(["m 2 A metric."]);
  page('m{a="1"} 4\n');
  expect(await turn()).toEqual([
    `m{a="1", ${target}} 4`,
    `m{a="2", ${target}} stale`,
    `m{env="test", exported_job="own", instance="${address}", job="node"} stale`,
  ]);
  const report = await turn(true);
  expect(
    report.map((line) => line.replace(/\{.*\}/, "")).filter((line) => !line.includes("duration")),
  ).toEqual([
    "scrape_samples_post_metric_relabeling 1",
    "scrape_samples_scraped 1",
    "scrape_series_added 0",
    "up 1",
  ]);
  await manager.close();
});

test.each<[string, () => void, RegExp]>([
  ["an error status", () => (answer = (_q, response) => response.writeHead(500).end()), /HTTP status 500/],
  ["a page that is none", () => page("<html>"), /Line 1 of the page/],
  ["too many samples", () => page("a 1\nb 1\nc 1\nd 1\n"), /sample_limit of 3/],
  ["too large a page", () => page(`m 1\n${" ".repeat(2_000)}\n`), /body_size_limit/],
  ["a cut connection", () => (answer = (_q, response) => response.destroy()), /could not be scraped/],
])("%s is down, with its series ended", async (_name, fail, error) => {
  const { manager, turn } = setUp();
  page("m 1\n");
  await manager.apply(job({ sample_limit: 3, body_size_limit: 1_000 }));
  await turn();
  fail();
  expect(await turn()).toEqual([`m{env="test", instance="${address}", job="node"} stale`]);
  expect((await turn(true)).find((line) => line.startsWith("up{"))).toMatch(/ 0$/);
  expect(manager.view().active()[0]).toMatchObject({
    health: "down",
    lastError: expect.stringMatching(error),
  });
  await manager.close();
});

test("OpenMetrics: starts of counters, exemplars, gzip", async () => {
  const { manager, turn } = setUp();
  const text = [
    "# TYPE reqs counter",
    'reqs_total{a="1"} 5 # {trace_id="ab"} 1',
    'reqs_created{a="1"} 1789999000.5',
    "# TYPE h histogram",
    'h_bucket{le="1"} 2',
    'h_bucket{le="+Inf"} 2',
    "h_created 1789999001",
    "# EOF\n",
  ].join("\n");
  answer = (request, response) => {
    expect(request.headers["accept-encoding"]).toBe("gzip");
    response
      .setHeader("content-type", "application/openmetrics-text; version=1.0.0")
      .setHeader("content-encoding", "gzip")
      .end(gzipSync(text));
  };
  await manager.apply(job({ honor_labels: true }));
  const target = `env="test", instance="${address}", job="node"`;
  expect(await turn()).toEqual([
    `h_bucket{env="test", instance="${address}", job="node", le="+Inf"} 2 since 1789999001000`,
    `h_bucket{env="test", instance="${address}", job="node", le="1.0"} 2 since 1789999001000`,
    `reqs_total{a="1", ${target}} # {trace_id="ab"} 1`,
    `reqs_total{a="1", ${target}} 5 since 1789999000500`,
  ]);
  await manager.close();
});

test("relabels targets and series; a target that goes ends its series", async () => {
  const { clock, manager, turn, written } = setUp();
  page("keep_me 1\ndrop_me 1\n");
  const file = join(dir, "targets.yml");
  await writeFile(file, `- targets: ["${address}", "10.0.0.9:1"]\n  labels: {zone: a}\n`);
  await manager.apply(
    ScrapeConfigs.parse([
      {
        job_name: "files",
        file_sd_configs: [{ files: ["*.yml"] }],
        relabel_configs: [
          { source_labels: ["__address__"], regex: "10\\..*", action: "drop" },
          { source_labels: ["zone"], target_label: "instance" },
        ],
        metric_relabel_configs: [{ source_labels: ["__name__"], regex: "drop_.*", action: "drop" }],
      },
    ]),
  );
  expect(await turn()).toEqual(['keep_me{instance="a", job="files", zone="a"} 1']);
  expect(manager.view().dropped()).toMatchObject([{ scrapePool: "files" }]);
  await writeFile(file, "[]");
  written.length = 0;
  await clock.advance(5_000);
  await expect.poll(() => written.includes('up{instance="a", job="files", zone="a"} stale')).toBe(true);
  expect(written).toContain('keep_me{instance="a", job="files", zone="a"} stale');
  expect(manager.view().active()).toEqual([]);
  await manager.close();
});

test("finds targets over HTTP and DNS, and keeps them while discovery fails", async () => {
  const { clock, manager } = setUp();
  let isBroken = false;
  answer = (_request, response) => {
    if (isBroken) response.writeHead(500).end();
    else response.end(JSON.stringify([{ targets: ["a:1"], labels: { x: "y" } }]));
  };
  await manager.apply(
    ScrapeConfigs.parse([
      { job_name: "http", http_sd_configs: [{ url: `http://${address}/sd` }] },
      { job_name: "dns", dns_sd_configs: [{ names: ["db"], type: "A", port: 9187 }, { names: ["_x._tcp"] }] },
    ]),
  );
  const urls = () =>
    manager
      .view()
      .active()
      .map(({ scrapeUrl }) => scrapeUrl)
      .sort();
  const all = ["http://10.1.1.1:9187/metrics", "http://a:1/metrics", "http://srv-1:9100/metrics"];
  expect(urls()).toEqual(all);
  isBroken = true;
  await clock.advance(60_000);
  expect(urls()).toEqual(all);
  await manager.close();
});

test("pods become targets by their annotations", () => {
  const [target, ...others] = podTargets({
    metadata: {
      name: "web-1",
      namespace: "shop",
      uid: "u",
      labels: { "app.kubernetes.io/name": "web" },
      annotations: { "prometheus.io/scrape": "true" },
      ownerReferences: [{ kind: "ReplicaSet", name: "web", controller: true }],
    },
    spec: {
      nodeName: "n1",
      containers: [
        { name: "c", image: "i", ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }] },
      ],
      initContainers: [],
    },
    status: {
      phase: "Running",
      podIP: "fd00::1",
      hostIP: "h",
      conditions: [{ type: "Ready", status: "True" }],
    },
  });
  expect(others).toEqual([]);
  expect(target).toMatchObject({
    __address__: "[fd00::1]:8080",
    __meta_kubernetes_namespace: "shop",
    __meta_kubernetes_pod_ready: "true",
    __meta_kubernetes_pod_controller_kind: "ReplicaSet",
    __meta_kubernetes_pod_annotation_prometheus_io_scrape: "true",
    __meta_kubernetes_pod_annotationpresent_prometheus_io_scrape: "true",
    __meta_kubernetes_pod_label_app_kubernetes_io_name: "web",
  });
});

test.each([
  [[{ job_name: "a" }, { job_name: "a" }], "two jobs"],
  [[{ job_name: "a", scrape_interval: "5s", scrape_timeout: "6s" }], "longer than the scrape_interval"],
  [[{ job_name: "a", dns_sd_configs: [{ names: ["x"], type: "A" }] }], "A port is needed"],
])("refuses %j", (configs, reason) => {
  expect(() => ScrapeConfigs.parse(configs)).toThrow(reason);
});
