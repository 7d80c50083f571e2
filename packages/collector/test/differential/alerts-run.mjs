/**
 * The same rules, samples and alertmanager.yml through a real Prometheus with Alertmanager and through Tocsin: the same firing
 * and ending times (± one evaluation), the same groups, the same webhook bodies apart from times and addresses.
 *
 *     npm run differential:alerts
 *
 * Takes about a minute. Skipped aloud where the Debian packages prometheus and prometheus-alertmanager are missing.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { remoteWrite } from "../../../promql/test/differential/prometheus.mjs";

const EVALUATION_MS = 1_000;
/** Both evaluate every second, each at its own fraction of it; the rest is for the way of a sample. */
const TOLERANCE_MS = EVALUATION_MS + 500;

const RULES = `groups:
  - name: errors
    interval: 1s
    rules:
      - record: instance:errors:max
        expr: max by (instance) (errors)
      - alert: HighErrors
        expr: instance:errors:max > 5
        for: 3s
        labels: { severity: page }
        annotations:
          summary: '{{ $labels.instance }} has {{ $value | printf "%.1f" }} errors'
          text: '{{ with query "errors{instance=''a''}" }}{{ . | first | value | humanize }}{{ end }}'
      - alert: SomeErrors
        expr: errors > 1
        keep_firing_for: 4s
        labels: { severity: ticket }
  - name: quiet
    interval: 1s
    rules:
      - alert: NoHeartbeat
        expr: absent(heartbeat == 1)
        for: 2s
        labels: { severity: ticket, team: '{{ if eq $value 1.0 }}core{{ else }}none{{ end }}' }
`;

/** Seconds from the start, and the values from then on. Steps lie further apart than a group waits. */
const SCRIPT = [
  [0, { a: 0, b: 0, heartbeat: 1 }],
  [5, { a: 10, b: 0, heartbeat: 1 }],
  [15, { a: 10, b: 8, heartbeat: 1 }],
  [25, { a: 10, b: 3, heartbeat: 0 }],
  [35, { a: 0, b: 3, heartbeat: 1 }],
  [45, { a: 0, b: 0, heartbeat: 1 }],
  [60, undefined],
];

const hooksOf = (url) => `route:
  receiver: first
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
  routes:
    - matchers: [severity = ticket]
      receiver: second
      group_by: [alertname, instance]
      continue: true
    - matchers: ['team =~ "co.*"']
      receiver: third
      group_by: ['...']
inhibit_rules:
  - source_matchers: [severity = page]
    target_matchers: [severity = ticket]
    equal: [instance]
receivers:
  - { name: first, webhook_configs: [{ url: ${url}/first }] }
  - { name: second, webhook_configs: [{ url: ${url}/second, send_resolved: true, max_alerts: 1 }] }
  - { name: third, webhook_configs: [{ url: ${url}/third, send_resolved: false }] }
`;

for (const program of ["prometheus", "prometheus-alertmanager"]) {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
  } catch {
    console.warn(
      `SKIPPED: there is no ${program} (Debian: apt-get install prometheus prometheus-alertmanager).`,
    );
    process.exit(0);
  }
}

const closing = [];
let faults = 0;
try {
  const dir = mkdtempSync(join(tmpdir(), "tocsin-differential-alerts-"));
  closing.push(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "rules.yml"), RULES);
  const theirs = await webhookReceiver();
  const ours = await webhookReceiver();
  const prometheus = await startTheirs(dir, theirs.url);
  const tocsin = await startOurs(dir, ours.url);
  await play([prometheus, `${tocsin}/prometheus`]);
  faults = compare(theirs.received, ours.received);
} finally {
  for (const close of closing.reverse()) await close();
}
console.log(faults === 0 ? "the same" : `${faults} differences`);
process.exitCode = faults === 0 ? 0 : 1;

async function startTheirs(dir, hookUrl) {
  const [alertmanagerPort, prometheusPort] = [await freePort(), await freePort()];
  writeFileSync(join(dir, "theirs.yml"), hooksOf(hookUrl));
  await start(
    "prometheus-alertmanager",
    [
      `--config.file=${join(dir, "theirs.yml")}`,
      `--storage.path=${join(dir, "alertmanager")}`,
      `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
      "--cluster.listen-address=",
      "--log.level=error",
    ],
    `http://127.0.0.1:${alertmanagerPort}/-/ready`,
  );
  writeFileSync(
    join(dir, "prometheus.yml"),
    `global: { evaluation_interval: 1s }
rule_files: [${join(dir, "rules.yml")}]
alerting: { alertmanagers: [{ static_configs: [{ targets: ["127.0.0.1:${alertmanagerPort}"] }] }] }
`,
  );
  await start(
    "prometheus",
    [
      `--config.file=${join(dir, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(dir, "prometheus")}`,
      `--web.listen-address=127.0.0.1:${prometheusPort}`,
      "--web.enable-remote-write-receiver",
      "--log.level=error",
    ],
    `http://127.0.0.1:${prometheusPort}/-/ready`,
  );
  return `http://127.0.0.1:${prometheusPort}`;
}

async function startOurs(dir, hookUrl) {
  writeFileSync(join(dir, "ours.yml"), hooksOf(hookUrl));
  writeFileSync(
    join(dir, "tocsin.yaml"),
    `listen: { api: "127.0.0.1:0", otlp_http: "127.0.0.1:0", otlp_grpc: "127.0.0.1:0" }
store: none
rule_files: [rules.yml]
alerting: { config_file: ours.yml }
`,
  );
  const command = fileURLToPath(new URL("../../bin/tocsin.js", import.meta.url));
  const args = [command, "up", "--json", "--config", join(dir, "tocsin.yaml"), "--data", join(dir, "tocsin")];
  const child = run(process.execPath, args, ["ignore", "pipe", "inherit"]);
  const line = await new Promise((resolve, reject) => {
    createInterface(child.stdout).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the collector ended with ${code}`)));
  });
  return JSON.parse(line).url.replace("localhost", "127.0.0.1");
}

/** Sends the script's values to all, the same samples at the same time, once a second. */
async function play(urls) {
  const startMs = Date.now();
  for (let second = 0; ; second++) {
    const values = SCRIPT.filter(([from]) => from <= second).at(-1)[1];
    if (values === undefined) return;
    await sleep(startMs + second * 1_000 - Date.now());
    const atMs = Date.now();
    const series = [
      ...["a", "b"].map((instance) => ({
        labels: { __name__: "errors", instance, job: "shop" },
        samples: [[atMs, values[instance]]],
      })),
      { labels: { __name__: "heartbeat", job: "shop" }, samples: [[atMs, values.heartbeat]] },
    ];
    await Promise.all(urls.map((url) => remoteWrite(url, series)));
  }
}

function compare(theirs, ours) {
  let differences = 0;
  const [left, right] = [byGroup(theirs), byGroup(ours)];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [a, b] = [left.get(key) ?? [], right.get(key) ?? []];
    console.log(`${key}: ${a.length} and ${b.length} notifications`);
    for (let at = 0; at < Math.max(a.length, b.length); at++) {
      if (!isDeepStrictEqual(comparable(a[at]), comparable(b[at]))) {
        differences++;
        console.error(`DIFFERENT ${key} #${at + 1}
  theirs ${JSON.stringify(comparable(a[at]))}
  ours   ${JSON.stringify(comparable(b[at]))}`);
        continue;
      }
      for (const [index, alert] of a[at].alerts.entries()) {
        for (const field of ["startsAt", "endsAt"]) {
          const apartMs = Math.abs(Date.parse(alert[field]) - Date.parse(b[at].alerts[index][field]));
          if (apartMs <= TOLERANCE_MS) continue;
          differences++;
          console.error(
            `DIFFERENT ${key} #${at + 1} ${field}: ${alert[field]} and ${b[at].alerts[index][field]}`,
          );
        }
      }
    }
  }
  if (left.size === 0) throw new Error("Prometheus and Alertmanager sent nothing, so nothing was compared");
  return differences;
}

function byGroup(received) {
  const groups = new Map();
  for (const { path, body } of received) {
    const key = `${path} ${body.groupKey}`;
    groups.set(key, [...(groups.get(key) ?? []), body]);
  }
  return groups;
}

/** A body without what cannot be the same: instants and the addresses of the servers. */
function comparable(body) {
  if (body === undefined) return undefined;
  const { externalURL, ...rest } = body;
  return {
    ...rest,
    alerts: body.alerts.map(({ startsAt, endsAt, generatorURL, ...alert }) => ({
      ...alert,
      isOver: !endsAt.startsWith("0001"),
      generatorURL: generatorURL.replace(/^https?:\/\/[^/]+/, ""),
    })),
  };
}

async function webhookReceiver() {
  const received = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ path: request.url, body: JSON.parse(Buffer.concat(chunks).toString()) });
    response.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, received };
}

function run(program, args, stdio) {
  const child = spawn(program, args, { stdio });
  closing.push(async () => {
    if (child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  });
  return child;
}

async function start(program, args, readyUrl) {
  run(program, args, ["ignore", "ignore", "inherit"]);
  for (let attempt = 0; attempt < 200; attempt++) {
    const isReady = await fetch(readyUrl)
      .then(({ ok }) => ok)
      .catch(() => false);
    if (isReady) return;
    await sleep(50);
  }
  throw new Error(`${program} did not become ready on ${readyUrl}`);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
