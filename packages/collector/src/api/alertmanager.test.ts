import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AlertingConfig, createAlerting, MemoryJournal } from "@tocsin/alerts";
import { systemClock } from "@tocsin/model";
import express from "express";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { serveApp } from "../../test/serve-app.js";
import { alertmanagerRoutes } from "./alertmanager.js";

const run = promisify(execFile);
const AMTOOL = "/usr/bin/amtool";
let close: () => Promise<void>;
let url: string;

beforeEach(async () => {
  const alerting = createAlerting({
    config: AlertingConfig.parse({
      route: {
        receiver: "log",
        group_by: ["alertname"],
        routes: [{ matchers: ['severity="page"'], receiver: "pager" }],
      },
      receivers: [{ name: "log", log_configs: [{}] }, { name: "pager" }],
      inhibit_rules: [
        { source_matchers: ["alertname=Down"], target_matchers: ["alertname=Slow"], equal: ["job"] },
      ],
    }),
    ruleSources: [],
    journal: new MemoryJournal(),
    externalUrl: "http://x",
  });
  await alerting.start();
  const app = express().use(
    "/alertmanager",
    alertmanagerRoutes({ alerting, version: "0.1.0", clock: systemClock }),
  );
  const served = await serveApp(app);
  url = `${served.url}/alertmanager`;
  close = async () => {
    await served.close();
    await alerting.close();
  };
});
afterEach(() => close());

const get = async (path: string): Promise<never> =>
  (await fetch(`${url}/api/v2${path}`)).json() as Promise<never>;
const post = (path: string, body: unknown) =>
  fetch(`${url}/api/v2${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

const in1h = () => new Date(Date.now() + 3_600_000).toISOString();

test("alerts that others send are shown, grouped, inhibited and found by filter", async () => {
  const response = await post("/alerts", [
    {
      labels: { alertname: "Down", job: "a", severity: "page" },
      annotations: { summary: "s" },
      generatorURL: "http://p/g",
    },
    { labels: { alertname: "Slow", job: "a" } },
    { labels: { alertname: "Slow", job: "b" } },
  ]);
  expect(response.status).toBe(200);
  const alerts: { labels: { alertname: string; job: string }; status: object; receivers: object }[] =
    await get("/alerts");
  expect(alerts).toHaveLength(3);
  const of = (name: string, job: string) =>
    alerts.find(({ labels }) => labels.alertname === name && labels.job === job);
  expect(of("Down", "a")).toMatchObject({
    status: { state: "active" },
    receivers: [{ name: "pager" }],
    generatorURL: "http://p/g",
  });
  expect(of("Slow", "a")).toMatchObject({
    status: { state: "suppressed", inhibitedBy: [expect.any(String)] },
  });
  expect(await get("/alerts?inhibited=false")).toHaveLength(2);
  expect(await get(`/alerts?filter=${encodeURIComponent('job="b"')}`)).toHaveLength(1);
  expect(await get("/alerts?receiver=pag.*")).toHaveLength(1);
  expect(await get("/alerts/groups")).toMatchObject([
    { labels: { alertname: "Down" }, receiver: { name: "pager" } },
    { labels: { alertname: "Slow" }, receiver: { name: "log" }, alerts: [{}, {}] },
  ]);
});

test("an alert without labels is refused, and the others are taken", async () => {
  const response = await post("/alerts", [{ labels: {} }, { labels: { alertname: "A" } }]);
  expect(response.status).toBe(400);
  expect(await response.json()).toBe("An alert needs at least one label with a value.");
  expect(await get("/alerts")).toHaveLength(1);
  expect((await post("/alerts", [{ labels: { alertname: "A" }, startsAt: "soon" }])).status).toBe(400);
});

test("a silence mutes, is found, changed and ended", async () => {
  await post("/alerts", [{ labels: { alertname: "A", job: "x" } }]);
  const matchers = [{ name: "job", value: "x|y", isRegex: true }];
  const silence = {
    matchers,
    startsAt: new Date().toISOString(),
    endsAt: in1h(),
    createdBy: "ana",
    comment: "deploy",
  };
  const { silenceID } = (await (await post("/silences", silence)).json()) as { silenceID: string };
  expect(await get("/alerts")).toMatchObject([{ status: { state: "suppressed", silencedBy: [silenceID] } }]);
  expect(await get("/silences")).toMatchObject([
    { id: silenceID, status: { state: "active" }, matchers: [{ isRegex: true, isEqual: true }] },
  ]);
  expect((await fetch(`${url}/api/v2/silence/${silenceID}`, { method: "DELETE" })).status).toBe(200);
  expect(await get(`/silence/${silenceID}`)).toMatchObject({ status: { state: "expired" } });
  expect(await get("/alerts")).toMatchObject([{ status: { state: "active" } }]);
  expect((await fetch(`${url}/api/v2/silence/none`)).status).toBe(422);
  const everything = { ...silence, matchers: [{ name: "job", value: ".*", isRegex: true }] };
  expect(await (await post("/silences", everything)).json()).toMatch(/would mute everything/);
});

test.each([
  ["GET", "/silence/nope", undefined, 422, { code: 601 }],
  ["DELETE", "/silence/nope", undefined, 422, { code: 601 }],
  ["DELETE", "/silence/12345678-1234-1234-1234-123456789012", undefined, 404, /may have been forgotten/],
  ["POST", "/silences", { matchers: [] }, 422, { code: 602 }],
  ["POST", "/alerts", [{}], 422, { code: 602, message: /0\.labels/ }],
  ["POST", "/alerts", [{ labels: { a: "b" }, generatorURL: "not a url" }], 422, { code: 602 }],
  ["POST", "/alerts", undefined, 422, { code: 602 }],
  ["POST", "/alerts", "{", 400, { code: 400 }],
  ["PUT", "/alerts", [], 405, { code: 405, message: "method PUT is not allowed, but [GET,POST] are" }],
  ["GET", "/nope", undefined, 404, { code: 404 }],
  ["GET", "/alerts?receiver=(", undefined, 400, /regular expression/],
  ["GET", "/alerts?filter=(", undefined, 400, /matcher/],
])("%s %s %j is answered as Alertmanager answers", async (method, path, body, status, want) => {
  const sent = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${url}/api/v2${path}`, {
    method,
    ...(body === undefined ? {} : { body: sent, headers: { "content-type": "application/json" } }),
  });
  expect(response.status).toBe(status);
  const answer: unknown = await response.json();
  if (want instanceof RegExp) expect(answer).toMatch(want);
  else
    expect(answer).toMatchObject(
      "message" in want && want.message instanceof RegExp
        ? { ...want, message: expect.stringMatching(want.message) }
        : want,
    );
});

test("a body that is not JSON is no body for this API", async () => {
  const response = await fetch(`${url}/api/v2/alerts`, { method: "POST", body: "[]" });
  expect(response.status).toBe(415);
});

test.each([
  ["active=false", 1],
  ["active=0", 1],
  ["active=", 2],
  ["active=yes", 2],
  ["inhibited=False", 1],
])("alerts?%s gives %i", async (query, count) => {
  await post("/alerts", [
    { labels: { alertname: "Down", job: "a" } },
    { labels: { alertname: "Slow", job: "a" } },
  ]);
  expect(await get(`/alerts?${query}`)).toHaveLength(count);
});

test("a silence is found by a matcher that it has, and may be of nobody for no reason", async () => {
  const matchers = [{ name: "job", value: "a", isRegex: false, isEqual: false }];
  const body = { matchers, startsAt: new Date().toISOString(), endsAt: in1h(), createdBy: "", comment: "" };
  expect((await post("/silences", body)).status).toBe(200);
  expect(await get(`/silences?filter=${encodeURIComponent("job!=a")}`)).toHaveLength(1);
  expect(await get(`/silences?filter=${encodeURIComponent("job=a")}`)).toEqual([]);
});

const hasAmtool = existsSync(AMTOOL);
if (!hasAmtool) console.warn(`SKIPPED: ${AMTOOL} is not there (Debian's prometheus-alertmanager)`);

describe.skipIf(!hasAmtool)("the real amtool", () => {
  const amtool = async (...args: string[]) =>
    (await run(AMTOOL, ["--alertmanager.url", url, ...args])).stdout;

  test("adds and queries alerts", async () => {
    await amtool("alert", "add", "alertname=Hot", "job=x", "--annotation=summary=too hot");
    expect(await amtool("alert", "query", "job=x")).toMatch(/Hot .* too hot .*active/);
    expect(JSON.parse(await amtool("alert", "query", "-o", "json"))).toMatchObject([
      { labels: { alertname: "Hot" } },
    ]);
  });
  test("adds, queries and expires silences", async () => {
    const id = (
      await amtool("silence", "add", "job=x", "--comment=why", "--author=ana", "--duration=1h")
    ).trim();
    expect(await amtool("silence", "query")).toContain(id);
    await amtool("silence", "update", "--duration=2h", id);
    await amtool("silence", "expire", id);
    expect(await amtool("silence", "query")).not.toContain(id);
  });
  test("queries alerts by matchers, receiver and state, and in every form", async () => {
    await amtool("alert", "add", "alertname=Down", "job=x", "severity=page", "--generator-url=http://p/g");
    await amtool("alert", "add", "Slow", "job=x", `--end=${in1h()}`);
    const count = async (...args: string[]) =>
      (JSON.parse(await amtool("alert", "query", "-o", "json", ...args)) as object[]).length;
    expect(await count()).toBe(1);
    expect(await count("--inhibited")).toBe(1);
    expect(await count("--active", "--inhibited")).toBe(2);
    expect(await count("--receiver=pager")).toBe(1);
    expect(await count("--active", "--inhibited", 'job=~"x|y"', "severity!=page")).toBe(1);
    expect(await amtool("alert", "query", "-o", "extended")).toContain("http://p/g");
    expect(await amtool("alert", "query", "Down")).toContain("Down");
  });
  test("imports, queries and updates silences", async () => {
    const add = (
      await amtool("silence", "add", "Down", 'job=~"x|y"', "-c", "why", "-a", "ana", "-d", "30m")
    ).trim();
    const exported = await amtool("silence", "query", "-o", "json");
    expect(JSON.parse(exported)).toMatchObject([
      {
        id: add,
        matchers: [
          { name: "alertname", value: "Down" },
          { name: "job", isRegex: true },
        ],
      },
    ]);
    const folder = await mkdtemp(join(tmpdir(), "tocsin-amtool-"));
    try {
      await writeFile(join(folder, "silences.json"), exported);
      await amtool("silence", "expire", add);
      await amtool("silence", "import", "--force", join(folder, "silences.json"));
      const [imported] = (await amtool("silence", "query", "-q")).trim().split("\n");
      expect(imported).not.toBe(add);
      await amtool("silence", "update", "-d", "3h", "-c", "longer", imported!);
      expect(await amtool("silence", "query", "-o", "extended")).toMatch(/longer/);
      expect(await amtool("silence", "query", "--within", "1h")).not.toContain(imported);
      expect(await amtool("silence", "query", "--expired", "-q")).toContain(add);
      await amtool("silence", "expire", ...(await amtool("silence", "query", "-q")).trim().split("\n"));
      expect((await amtool("silence", "query", "-q")).trim()).toBe("");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  test("takes what `config show` prints", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tocsin-amtool-"));
    try {
      const file = join(folder, "shown.yml");
      await writeFile(
        file,
        (await amtool("config", "show")).replace(/^\s+- ?log_configs[\s\S]*?(?=^\s+- name|^\w)/gm, ""),
      );
      expect(await amtool("config", "routes", "test", "--verify.receivers=pager", "severity=page")).toContain(
        "pager",
      );
      await expect(
        amtool("config", "routes", "test", "--verify.receivers=log", "severity=page"),
      ).rejects.toThrow();
      expect(await amtool("config", "routes", "--config.file", file)).toContain("receiver: pager");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  test("shows the configuration and tests routes", async () => {
    expect(await amtool("config", "show")).toContain("receiver: pager");
    expect(await amtool("config", "routes", "show")).toMatch(/severity="page".*receiver: pager/s);
    expect((await amtool("config", "routes", "test", "severity=page")).trim()).toBe("pager");
    expect(await amtool("cluster", "show")).toContain("disabled");
  });
});
