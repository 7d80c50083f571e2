import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "@tocsin/model";
import { afterEach, expect, test } from "vitest";
import type { Command } from "../cli/command.js";
import { reload } from "../cli/reload.js";
import { startCollector } from "../collector.js";
import { configError } from "../config/load.js";
import { loadSetup } from "../config/setup.js";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const RULES = `groups:
  - name: g
    interval: 1s
    rules:
      - record: seven
        expr: vector(7)
      - alert: Always
        expr: seven > 5
        labels: { severity: page }
        annotations: { summary: 'is {{ $value }}' }
`;

async function collector(files: Record<string, string>) {
  const dir = await mkdtemp(join(tmpdir(), "tocsin-alerting-"));
  closing.push(() => rm(dir, { recursive: true, force: true }));
  const write = (name: string, text: string) => writeFile(join(dir, name), text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const configFile = join(dir, "tocsin.yaml");
  const readSetup = async () => {
    const { setup, problems, sources } = await loadSetup(configFile, dir, {});
    if (!setup) throw configError(problems, sources);
    return setup;
  };
  const started = await startCollector({
    setup: await readSetup(),
    readSetup,
    env: {},
    dataDir: join(dir, "data"),
    clock: systemClock,
    logger: silentLogger,
  });
  closing.push(() => started.close());
  const base = `http://127.0.0.1:${started.bound.api.port}`;
  const get = async (path: string): Promise<never> =>
    (await fetch(`${base}${path}`)).json() as Promise<never>;
  const until = async <T>(path: string, isDone: (value: T) => boolean): Promise<T> => {
    for (;;) {
      const value = await get(path);
      if (isDone(value)) return value;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { write, get, until, base };
}

async function run(command: Command, args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await command.run(args, {
    env: {},
    cwd: "/",
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    isTerminal: false,
    signal: new AbortController().signal,
    onReload: () => {},
  });
  return { code, out: out.join(""), err: err.join("") };
}

const CONFIG = `listen: { api: "127.0.0.1:0", otlp_http: "127.0.0.1:0", otlp_grpc: "127.0.0.1:0" }
store: none
rule_files: ["rules*.yml"]
`;

test("rule files are evaluated and seen in every API, and a reload keeps what fires", async () => {
  const { write, get, until, base } = await collector({ "tocsin.yaml": CONFIG, "rules.yml": RULES });
  type Alerts = { id: string; state: string; annotations: object }[];
  const [alert] = await until<Alerts>("/api/v1/alerts", (alerts) => alerts[0]?.state === "firing");
  expect(alert).toMatchObject({
    name: "Always",
    labels: { severity: "page" },
    annotations: { summary: "is 7" },
    receivers: ["log"],
  });
  expect(await get("/prometheus/api/v1/rules")).toMatchObject({
    data: {
      groups: [
        { name: "slos" },
        {
          name: "g",
          file: expect.stringMatching(/rules\.yml$/),
          interval: 1,
          rules: [
            { type: "recording", name: "seven" },
            { name: "Always", state: "firing" },
          ],
        },
      ],
    },
  });
  expect(await get("/prometheus/api/v1/query?query=seven")).toMatchObject({
    data: { result: [{ value: [expect.anything(), "7"] }] },
  });
  // It goes out once its state is on the disk, a moment after it can be seen.
  expect(await until<object[]>("/alertmanager/api/v2/alerts", ({ length }) => length > 0)).toMatchObject([
    { labels: { alertname: "Always" }, status: { state: "active" } },
  ]);
  expect(await get(`/api/v1/alerts/${alert!.id}/explain`)).toMatchObject({
    evidence: { condition: "seven > 5" },
    replay: { result: "same" },
  });

  await write("rules.yml", RULES.replace("seven > 5", "seven > ("));
  const refused = await fetch(`${base}/api/v1/reload`, { method: "POST" });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({
    error: expect.stringMatching(/rules\.yml:8:\d+ error\[promql\/parse\]/),
  });
  expect(await get("/api/v1/alerts")).toMatchObject([{ id: alert!.id, state: "firing" }]);
  expect(await get("/api/v1/status")).toMatchObject({
    reload: { error: expect.stringMatching(/rules\.yml:8/), failedAt: expect.any(String) },
  });
  const cli = await run(reload, ["--url", base]);
  expect(cli).toMatchObject({
    code: 1,
    err: expect.stringMatching(/rules\.yml:8.*goes on with what it had/s),
  });

  await write("rules.yml", RULES.replace("name: g", "name: g\n    limit: 9"));
  const action = '{ name: undo, mode: approve, webhook: { url: "http://127.0.0.1:1" } }';
  await write("tocsin.yaml", `${CONFIG}actions: [${action}]\n`);
  expect(await run(reload, ["--url", base])).toMatchObject({ code: 0 });
  expect(await get("/api/v1/status")).toMatchObject({ reload: { error: null } });
  expect(await get("/prometheus/api/v1/rules")).toMatchObject({ data: { groups: [{}, { limit: 9 }] } });
  expect(await get("/api/v1/actions/catalogue")).toMatchObject({
    actions: [{ name: "undo", mode: "approve" }],
  });
  expect(await get("/api/v1/alerts")).toMatchObject([{ id: alert!.id, state: "firing" }]);
});

test("a collector with a faulty rule file does not start, and says every fault", async () => {
  const files = {
    "tocsin.yaml": `${CONFIG}alerting: { config_file: am.yml }\n`,
    "rules.yml": "groups: [{name: g, rules: [{alert: A, expr: 'x ==', actions: [no]}]}]\n",
    "am.yml": "route: {receiver: nobody}\nreceivers: []\n",
  };
  await expect(collector(files)).rejects.toThrow(
    /rules\.yml:1:\d+ error.*am\.yml:1:\d+ error.*there is no receiver "nobody"/s,
  );
});

test("what alerting does can be seen in /metrics, and external labels and URL in what it sends", async () => {
  const { until, base } = await collector({
    "tocsin.yaml": `${CONFIG}external_labels: { cluster: eu }\nexternal_url: https://tocsin.example/\n`,
    "rules.yml": RULES.replace("is {{ $value }}", "{{ $externalLabels.cluster }} {{ externalURL }}"),
  });
  expect(await until<object[]>("/alertmanager/api/v2/alerts", ({ length }) => length > 0)).toMatchObject([
    {
      labels: { alertname: "Always", cluster: "eu" },
      annotations: { summary: "eu https://tocsin.example" },
      generatorURL: expect.stringMatching(/^https:\/\/tocsin\.example\/graph/),
    },
  ]);
  const metrics = await (await fetch(`${base}/metrics`)).text();
  const group = String.raw`rule_group="[^"]*rules\.yml;g"`;
  for (const line of [
    `tocsin_rule_group_iterations_total\\{${group}\\} [1-9]`,
    `tocsin_rule_group_iterations_missed_total\\{${group}\\} 0`,
    `tocsin_rule_group_interval_seconds\\{${group}\\} 1`,
    `tocsin_rule_evaluations_total\\{${group}\\} [2-9]`,
    `tocsin_rule_evaluation_failures_total\\{${group}\\} 0`,
    String.raw`tocsin_alerts\{state="firing"\} 1`,
    String.raw`tocsin_alerts_routed\{state="active"\} 1`,
    String.raw`tocsin_silences\{state="active"\} 0`,
    "tocsin_config_last_reload_successful 1",
  ])
    expect(metrics).toMatch(new RegExp(`^${line}`, "m"));
});
