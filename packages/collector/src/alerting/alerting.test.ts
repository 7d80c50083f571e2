import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "@tocsin/model";
import { afterEach, expect, test } from "vitest";
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

  await write("rules.yml", RULES.replace("name: g", "name: g\n    limit: 9"));
  expect((await fetch(`${base}/api/v1/reload`, { method: "POST" })).status).toBe(200);
  expect(await get("/prometheus/api/v1/rules")).toMatchObject({ data: { groups: [{}, { limit: 9 }] } });
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
