import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WebhookMessage } from "@tocsin/alerts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "./process.js";
import { freePort, hasPrometheus, PrometheusServer } from "./prometheus-server.js";

const RULES = `groups:
  - name: own
    interval: 1s
    rules:
      - record: job:queue:max
        expr: max by (job) (queue_length)
      - alert: QueueLong
        expr: job:queue:max > 100
        for: 2s
        labels: { severity: page }
        annotations: { summary: 'queue of {{ $labels.job }} is {{ $value | humanize }}' }
      - alert: QueueGrows
        expr: queue_length > 50
        labels: { severity: ticket }
      - alert: ItScrapesItself
        expr: prometheus_tsdb_head_series{job="prometheus"} > 0
        labels: { severity: ticket }
`;

const ALERTING = `store: none
alerting:
  route:
    receiver: page
    group_by: [alertname]
    group_wait: 0s
    group_interval: 1s
    repeat_interval: 1h
    routes: [{ receiver: ticket, matchers: [severity="ticket"] }]
  inhibit_rules:
    - { source_matchers: [severity="page"], target_matchers: [alertname="QueueGrows"], equal: [job, cluster] }
  receivers:
    - { name: page, webhook_configs: [{ url: HOOK/page }] }
    - { name: ticket, webhook_configs: [{ url: HOOK/ticket }] }
`;

let dir = "";
let queueLength = 0;
const received: { path: string; body: WebhookMessage }[] = [];
const servers: Server[] = [];
let collector: CollectorProcess;
let prometheus: PrometheusServer;

async function serve(handle: (url: string, body: string) => string): Promise<number> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    response.end(handle(request.url ?? "", body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

const startCollector = (ports: readonly string[] = []) =>
  startProcess({ args: ["--config", join(dir, "tocsin.yaml"), ...ports], dataDir: join(dir, "tocsin") });

/** What a receiver was told of an alert, in order: `firing` and `resolved`. */
const told = (alertname: string) =>
  received
    .flatMap(({ path, body }) => body.alerts.map((alert) => ({ path, ...alert })))
    .filter(({ labels }) => labels.alertname === alertname);
const statuses = (alertname: string) => told(alertname).map(({ status }) => status);

const patience = { timeout: 60_000, interval: 50 };

describe.skipIf(!hasPrometheus())("a real Prometheus that sends its alerts to us", () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "tocsin-prometheus-alerts-"));
    const hookPort = await serve((path, body) => {
      received.push({ path, body: JSON.parse(body) as WebhookMessage });
      return "";
    });
    const targetPort = await serve(() => `# TYPE queue_length gauge\nqueue_length ${queueLength}\n`);
    await writeFile(join(dir, "tocsin.yaml"), ALERTING.replaceAll("HOOK", `http://127.0.0.1:${hookPort}`));
    await writeFile(join(dir, "rules.yml"), RULES);
    collector = await startCollector();
    const port = await freePort();
    prometheus = await PrometheusServer.start({
      dir,
      port,
      args: ["--rules.alert.resend-delay=1s"],
      config: {
        global: {
          scrape_interval: "1s",
          evaluation_interval: "1s",
          external_labels: { cluster: "eu", replica: "a" },
        },
        rule_files: ["rules.yml"],
        alerting: {
          // What a pair of replicas does, so that both send the same alert.
          alert_relabel_configs: [{ regex: "replica", action: "labeldrop" }],
          alertmanagers: [
            {
              api_version: "v2",
              path_prefix: "/alertmanager",
              static_configs: [{ targets: [`127.0.0.1:${collector.port}`] }],
            },
          ],
        },
        scrape_configs: [
          { job_name: "prometheus", static_configs: [{ targets: [`127.0.0.1:${port}`] }] },
          { job_name: "shop", static_configs: [{ targets: [`127.0.0.1:${targetPort}`] }] },
        ],
      },
    });
  }, 60_000);

  afterAll(async () => {
    await prometheus?.stop("SIGKILL");
    await collector?.stop();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await rm(dir, { recursive: true, force: true });
  });

  test("is routed, grouped, told with its own words and resolved", async () => {
    await expect.poll(() => statuses("ItScrapesItself"), patience).toEqual(["firing"]);
    queueLength = 70;
    await expect.poll(() => statuses("QueueGrows"), patience).toEqual(["firing"]);
    expect(told("QueueGrows")[0]).toMatchObject({
      path: "/ticket",
      labels: { alertname: "QueueGrows", cluster: "eu", job: "shop", severity: "ticket" },
    });
    expect(told("QueueGrows")[0]?.labels).not.toHaveProperty("replica");
    queueLength = 1_234;
    await expect.poll(() => statuses("QueueLong"), patience).toEqual(["firing"]);
    expect(told("QueueLong")[0]).toMatchObject({
      path: "/page",
      annotations: { summary: "queue of shop is 1.234k" },
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: expect.stringContaining("/graph?g0.expr=job%3Aqueue%3Amax+%3E+100"),
    });
    // Everything it fires, and that the ticket is inhibited, is shown as in Alertmanager.
    const alerts = (await (await fetch(`${collector.url}/alertmanager/api/v2/alerts`)).json()) as {
      labels: Record<string, string>;
      status: { state: string; inhibitedBy: string[] };
      receivers: { name: string }[];
    }[];
    expect(alerts.map(({ labels, status }) => `${labels.alertname} ${status.state}`).sort()).toEqual([
      "ItScrapesItself active",
      "QueueGrows suppressed",
      "QueueLong active",
    ]);
    queueLength = 0;
    await expect.poll(() => statuses("QueueLong"), patience).toEqual(["firing", "resolved"]);
    await expect.poll(() => statuses("QueueGrows"), patience).toEqual(["firing", "resolved"]);
    const [start, end] = told("QueueLong");
    expect(end?.fingerprint).toBe(start?.fingerprint);
    expect(end?.startsAt).toBe(start?.startsAt);
    expect(Date.parse(end?.endsAt ?? "")).toBeGreaterThan(Date.parse(start?.startsAt ?? ""));
  });

  test("after kill -9 of the collector its alerts are back, and nobody is told again", async () => {
    const { port } = collector;
    await collector.stop("SIGKILL");
    collector = await startCollector(["--port", String(port)]);
    const names = async () => {
      const response = await fetch(`${collector.url}/alertmanager/api/v2/alerts`);
      return ((await response.json()) as { labels: Record<string, string> }[]).map(
        ({ labels }) => labels.alertname,
      );
    };
    await expect.poll(names, patience).toEqual(["ItScrapesItself"]);
    // Something new goes all the way, so the old would have gone before it.
    queueLength = 70;
    await expect.poll(() => statuses("QueueGrows").length, patience).toBe(3);
    expect(statuses("ItScrapesItself")).toEqual(["firing"]);
  });

  test("alerts of a Prometheus that died resolve when they are not repeated", async () => {
    await prometheus.stop("SIGKILL");
    await expect.poll(() => statuses("ItScrapesItself"), patience).toEqual(["firing", "resolved"]);
    await expect.poll(() => statuses("QueueGrows").at(-1), patience).toBe("resolved");
  });
});
