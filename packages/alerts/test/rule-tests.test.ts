import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Engine, type Histogram, MemoryStorage } from "@tocsin/promql";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  parseValues,
  readAlertmanagerFile,
  readRuleFile,
  readRuleTestFile,
  replayRules,
  runRuleTests,
} from "../src/index.js";
import { formatHistogram, parseHistogram } from "../src/rule-test/histogram-notation.js";

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
  const failuresOf = async (receiver: string, action: string) =>
    (await runRuleTests(testFile(text(receiver, action)), rules.groups, config))[0]!.failures;
  expect(await failuresOf("pager", "rollback")).toEqual([]);
  expect(await failuresOf("mail", "scale")).toEqual([
    'alertname: A, time: 0s, receivers of {alertname="A", severity="page"}\n    - mail\n    + pager',
    'alertname: A, time: 0s, actions of {alertname="A", severity="page"}\n    - scale\n    + rollback',
  ]);
});

test("what is sent, and when, can be expected: groups, waits, inhibition and time intervals are real", async () => {
  const rules = readRuleFile({
    file: "r.yml",
    text: "groups: [{name: g, rules: [{alert: A, expr: x > 1, labels: {severity: page}}, {alert: B, expr: y > 1}]}]",
  });
  const { config } = readAlertmanagerFile({
    file: "am.yml",
    text: `route:
  receiver: mail
  group_by: [job]
  group_wait: 30s
  group_interval: 5m
  routes: [{ receiver: pager, matchers: [severity=page], mute_time_intervals: [night] }]
receivers:
  - { name: mail, webhook_configs: [{ url: "http://x", send_resolved: false }] }
  - { name: pager, webhook_configs: [{ url: "http://y" }] }
time_intervals:
  - { name: night, time_intervals: [{ times: [{ start_time: "00:00", end_time: "06:00" }] }] }
`,
  });
  const text = (start: string, expected: string) => `tests:
  - start_timestamp: ${start}
    input_series:
      - { series: 'x{job="a"}', values: "2x4 0x20" }
      - { series: 'y{job="a"}', values: "0 2x20" }
      - { series: 'y{job="b"}', values: "0 0 2x20" }
    notification_test:
${expected}`;
  const failuresOf = async (start: string, expected: string) =>
    (await runRuleTests(testFile(text(start, expected)), rules.groups, config))[0]!.failures;
  const paged = `{ receiver: pager, exp_alerts: [{ exp_labels: { alertname: A, job: a, severity: page } }] }`;
  expect(
    await failuresOf(
      "2026-11-21T12:00:00Z",
      `      - { eval_time: 29s }
      - { eval_time: 1m, exp_notifications: [${paged}] }
      - { eval_time: 3m, exp_notifications: [{ receiver: mail }, { receiver: mail }] }
      - { eval_time: 9m, exp_notifications: [{ receiver: pager, status: resolved }] }
`,
    ),
  ).toEqual([]);
  expect(
    await failuresOf("2026-11-21T03:00:00Z", `      - { eval_time: 1m, exp_notifications: [${paged}] }`),
  ).toEqual([
    'notifications until 1m\n    - to pager: firing\n        firing {alertname="A", job="a", severity="page"}',
  ]);
});

test("a test of what is sent says when it does not know the routes", async () => {
  const [result] = await runRuleTests(
    testFile("tests: [{notification_test: [{eval_time: 1m}]}]"),
    [],
    undefined,
  );
  expect(result!.failures).toEqual(["notification_test needs alerting_file: whose routes are to be tried?"]);
});

test("native histograms may be given and expected", async () => {
  const text = `fuzzy_compare: true
tests:
  - interval: 1m
    input_series:
      - series: h
        values: '{{schema:1 count:4 sum:6 buckets:[1 2 1] offset:-1}}+{{schema:1 count:2 sum:1.1 buckets:[2] offset:1}}x3 _ {{count:1}}x1 stale'
    promql_expr_test:
      - { expr: histogram_count(h), eval_time: 3m, exp_samples: [{ labels: "{}", value: 10 }] }
      - { expr: h, eval_time: 2m, exp_samples: [{ labels: h, histogram: "{{schema:1 sum:8.2 count:8 offset:-1 buckets:[1 2 5]}}" }] }
      - { expr: h, eval_time: 6m, exp_samples: [{ labels: h, histogram: "{{count:1}}" }] }
      - { expr: h, eval_time: 7m }
`;
  expect((await runRuleTests(testFile(text), [], undefined))[0]!.failures).toEqual([]);
  const wrong = text.replace("[1 2 5]", "[1 2 4 0]");
  expect((await runRuleTests(testFile(wrong), [], undefined))[0]!.failures).toEqual([
    `expr: "h", time: 2m
    - h {{schema:1 count:8 sum:8.2 offset:-1 buckets:[1 2 4]}}
    + h {{schema:1 count:8 sum:8.2 offset:-1 buckets:[1 2 5]}}`,
  ]);
});

test("tests run at the interval of the file unless they say otherwise, from any start, chosen by name", async () => {
  const text = `evaluation_interval: 30s
tests:
  - name: seconds
    start_timestamp: 1700000000
    input_series: [{ series: x, values: 1+1x10 }]
    promql_expr_test:
      - { expr: x, eval_time: 60s, exp_samples: [{ labels: x, value: 3 }] }
      - { expr: time(), eval_time: 60s, exp_samples: [{ value: 1700000060, labels: "{}" }] }
      - { expr: 1 / 0, eval_time: 0s, exp_samples: [{ value: .inf, labels: "{}" }] }
  - { name: other, input_series: [{ series: x, values: 1 }], promql_expr_test: [{ expr: x, eval_time: 0s }] }
`;
  const results = await runRuleTests(testFile(text), [], undefined);
  expect(results.map(({ name, failures }) => [name, failures.length])).toEqual([
    ["seconds", 0],
    ["other", 1],
  ]);
  expect(await runRuleTests(testFile(text), [], undefined, (name) => name === "seconds")).toHaveLength(1);
});

test("external labels and URL are seen by templates; groups run in the order that is asked for", async () => {
  const rules = readRuleFile({
    file: "r.yml",
    text: `groups:
  - { name: a, rules: [{ alert: A, expr: recorded > 1, annotations: { s: "{{ $externalLabels.cluster }} {{ externalURL }}" } }] }
  - { name: b, rules: [{ record: recorded, expr: x }] }
`,
  });
  const text = `group_eval_order: [b, a]
tests:
  - external_labels: { cluster: eu }
    external_url: http://p
    input_series: [{ series: x, values: 2 }]
    alert_rule_test: [{ eval_time: 0s, alertname: A, exp_alerts: [{ exp_annotations: { s: eu http://p } }] }]
`;
  const failures = async (of: string) =>
    (await runRuleTests(testFile(of), rules.groups, undefined))[0]!.failures;
  expect(await failures(text)).toEqual([]);
  expect(await failures(text.replace("[b, a]", "[a, b]"))).toHaveLength(1);
  expect(
    readRuleTestFile({ file: "t.yml", text: "group_eval_order: [a, a]\n" }).problems[0]!.message,
  ).toContain('the group "a" is named twice.');
});

test("a histogram written and read again is the same", () => {
  const counts = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 });
  const run = fc.record({ offset: fc.integer({ min: -4, max: 4 }), buckets: counts });
  const histogram = fc.record({
    schema: fc.integer({ min: -4, max: 8 }),
    count: fc.integer({ min: 0, max: 99 }),
    sum: fc.double({ noNaN: true }),
    zeroCount: fc.nat(9),
    zeroThreshold: fc.double({ min: 0, max: 1, noNaN: true }),
    positive: run,
    negative: run,
    counterResetHint: fc.constantFrom("unknown", "reset", "not_reset", "gauge"),
  });
  fc.assert(
    fc.property(histogram, (each) => {
      const text = formatHistogram(each as Histogram);
      expect(formatHistogram(parseHistogram(text))).toBe(text);
      expect(parseValues(`1 ${text}x2`)).toHaveLength(4);
    }),
  );
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

test.each([
  ["1 two", '"two" is not a value. Write for instance 1 2 3, 0+10x5, _ or stale'],
  ["{{count:1", 'a histogram that begins with {{ has no }} in "{{count:1"'],
  ["{{cuont:1}}", 'a histogram has no "cuont"; it has schema, sum'],
  ["{{count:1 count:2}}", '"count" is written twice'],
  ["{{count:x}}", '"x" is not a number for count of a histogram'],
  ["{{count:1}}+1x2", '"{{count:1}}+1x2" adds a number to a histogram'],
  ["{{schema:1}}+{{schema:2}}x2", "need the same schema"],
])("what is not understood in %s is named", (text, message) => {
  expect(() => parseValues(text)).toThrow(message);
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
