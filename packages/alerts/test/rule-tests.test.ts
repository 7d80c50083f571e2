import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Engine, MemoryStorage } from "@tocsin/promql";
import { expect, test } from "vitest";
import {
  buildRouteTree,
  parseValues,
  readAlertmanagerFile,
  readRuleFile,
  readRuleTestFile,
  replayRules,
  runRuleTests,
} from "../src/index.js";

const fixtures = join(import.meta.dirname, "fixtures");
const read = (file: string) => ({ file, text: readFileSync(join(fixtures, file), "utf8") });
const { groups } = readRuleFile(read("rules.yml"));

function testFile(text: string) {
  const { file, problems } = readRuleTestFile({ file: "t.yml", text });
  expect(problems).toEqual([]);
  return file!;
}

test("promtool's test files run unchanged", async () => {
  const results = await runRuleTests(testFile(read("rules.test.yml").text), groups, undefined);
  expect(results).toEqual([{ name: "errors and a dead instance", failures: [] }]);
});

const PROMTOOL = "/usr/bin/promtool";
if (!existsSync(PROMTOOL)) console.warn(`SKIPPED: ${PROMTOOL} is not there (Debian's prometheus)`);
test.skipIf(!existsSync(PROMTOOL))("the real promtool agrees with the fixture", async () => {
  const { mkdtemp, writeFile, rm } = await import("node:fs/promises");
  const dir = await mkdtemp("/tmp/tocsin-promtool-");
  try {
    // This promtool is older than keep_firing_for and names of tests.
    const rules = read("rules.yml").text.replace(/^ *keep_firing_for.*\n/m, "");
    const tests = read("rules.test.yml")
      .text.replace("  - name: errors and a dead instance\n    interval", "  - interval")
      .replace(/ {6}- eval_time: 7m30s\n.*\n.*\n.*\n.*\n/, "");
    await writeFile(join(dir, "rules.yml"), rules);
    await writeFile(join(dir, "rules.test.yml"), tests);
    const { stdout } = await promisify(execFile)(PROMTOOL, ["test", "rules", join(dir, "rules.test.yml")]);
    expect(stdout).toContain("SUCCESS");
  } finally {
    await rm(dir, { recursive: true });
  }
});

test("a failure is a readable difference", async () => {
  const text = read("rules.test.yml")
    .text.replace("cart fails 10%", "cart fails 11%")
    .replace("value: 0.1", "value: 0.2");
  const [result] = await runRuleTests(testFile(text), groups, undefined);
  expect(result!.failures).toEqual([
    `alertname: ErrorsHigh, time: 12m
    - {alertname="ErrorsHigh", job="cart", severity="page"}
      summary: "cart fails 11%"
    + {alertname="ErrorsHigh", job="cart", severity="page"}
      summary: "cart fails 10%"`,
    `expr: "job:errors:ratio5m", time: 12m
    - job:errors:ratio5m{job="cart"} 0.2
    + job:errors:ratio5m{job="cart"} 0.1`,
  ]);
});

test("who is told and what is considered can be expected too", async () => {
  const rules = readRuleFile({
    file: "r.yml",
    text: "groups: [{name: g, rules: [{alert: A, expr: x > 1, labels: {severity: page}, actions: [rollback]}]}]",
  });
  const { config } = readAlertmanagerFile({
    file: "am.yml",
    text: "route: {receiver: mail, routes: [{receiver: pager, matchers: [severity=page]}]}\nreceivers: [{name: mail}, {name: pager}]",
  });
  const text = (receiver: string, action: string) => `tests:
  - input_series: [{series: x, values: "2"}]
    alert_rule_test:
      - {eval_time: 0s, alertname: A, exp_alerts: [{exp_labels: {severity: page}, exp_receivers: [${receiver}], exp_actions: [${action}]}]}
`;
  const routes = buildRouteTree(config!.route);
  const failuresOf = async (receiver: string, action: string) =>
    (await runRuleTests(testFile(text(receiver, action)), rules.groups, routes))[0]!.failures;
  expect(await failuresOf("pager", "rollback")).toEqual([]);
  expect(await failuresOf("mail", "scale")).toEqual([
    'alertname: A, time: 0s, receivers of {alertname="A", severity="page"}\n    - mail\n    + pager',
    'alertname: A, time: 0s, actions of {alertname="A", severity="page"}\n    - scale\n    + rollback',
  ]);
});

test.each([
  ["1 2 -3", [1, 2, -3]],
  ["1+2x3", [1, 3, 5, 7]],
  ["10-2x2", [10, 8, 6]],
  ["5x2", [5, 5, 5]],
  ["_ _x2 1", [undefined, undefined, undefined, 1]],
  ["1e3 .5 +Inf -Inf NaN", [1000, 0.5, Infinity, -Infinity, Number.NaN]],
])("the notation %s", (text, want) => {
  expect(parseValues(text)).toEqual(want);
});

test("a value that is not understood is named", () => {
  expect(() => parseValues("1 two")).toThrow(
    '"two" is not a value. Write for instance 1 2 3, 0+10x5, _ or stale',
  );
});

test("a replay tells when alerts would have fired and ended, and who would have been told", async () => {
  const storage = new MemoryStorage();
  for (let minute = 0; minute <= 60; minute++)
    storage.append({ __name__: "x", job: "cart" }, minute * 60_000, minute >= 10 && minute < 30 ? 5 : 0);
  const engine = new Engine();
  const rules = readRuleFile({
    file: "r.yml",
    text: "groups: [{name: g, rules: [{alert: A, expr: x > 1, for: 5m, actions: [scale]}]}]",
  });
  const alerts = await replayRules(
    rules.groups,
    {
      instantQuery: (query, tMs) => engine.instantQuery(storage, query, tMs),
      rangeQuery: (query, startMs, endMs, stepMs) =>
        engine.rangeQuery(storage, query, startMs, endMs, stepMs),
    },
    { startMs: 0, endMs: 3_600_000, defaultIntervalMs: 60_000, routes: undefined },
  );
  expect(alerts).toEqual([
    {
      rule: "A",
      labels: { alertname: "A", job: "cart" },
      firedAtMs: 15 * 60_000,
      resolvedAtMs: 30 * 60_000,
      receivers: [],
      actions: ["scale"],
    },
  ]);
});
