import { ManualClock } from "@tocsin/model/testing";
import { Engine, MemoryStorage, type Queryable, STALE_MARKER } from "@tocsin/promql";
import { afterEach, expect, test } from "vitest";
import {
  AlertingConfig,
  createAlerting,
  isResolved,
  MemoryJournal,
  RuleGroupSource,
  readRuleFile,
} from "../src/index.js";

import { webhookReceiver } from "./webhook-receiver.js";

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close();
});

async function setUp(yaml: string) {
  const { groups, problems } = readRuleFile({ file: "r.yml", text: yaml });
  expect(problems).toEqual([]);
  const storage = new MemoryStorage();
  const engine = new Engine();
  const queryable: Queryable = {
    instantQuery: (query, tMs) => engine.instantQuery(storage, query, tMs),
    rangeQuery: (query, startMs, endMs, stepMs) => engine.rangeQuery(storage, query, startMs, endMs, stepMs),
  };
  const sink = (
    samples: readonly {
      labels: Record<string, string>;
      tMs: number;
      value: Parameters<typeof storage.append>[2];
    }[],
  ) => {
    for (const { labels, tMs, value } of samples) storage.append(labels, tMs, value);
  };
  const manual = new ManualClock(0);
  /** Evaluations take more turns than a jump of the clock waits for, so time moves in small steps here. */
  const clock = {
    now: () => manual.now(),
    after: manual.after.bind(manual),
    async advance(byMs: number) {
      for (let left = byMs; left > 0; left -= 1_000) {
        await manual.advance(Math.min(1_000, left));
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
  const ruleSources = groups.map(
    (group) =>
      new RuleGroupSource(group, {
        queryable,
        appendSamples: sink,
        externalUrl: "http://x/base",
        defaultIntervalMs: 10_000,
      }),
  );
  const alerting = createAlerting({
    config: AlertingConfig.parse({}),
    ruleSources,
    journal: new MemoryJournal(),
    clock,
    externalUrl: "http://x/base",
    appendSamples: sink,
  });
  closing.push(alerting);
  await alerting.start();
  const query = async (text: string) => (await queryable.instantQuery(text, clock.now())).toJSON();
  return { storage, clock, alerting, query, sources: ruleSources };
}

const RULES = `groups:
  - name: g
    interval: 10s
    rules:
      - record: job:errors:sum
        expr: sum by (job) (errors)
        labels: { recorded: "yes" }
      - alert: ManyErrors
        expr: job:errors:sum > 5
        for: 20s
        labels: { severity: page, level: '{{ if gt $value 50.0 }}high{{ else }}low{{ end }}' }
        annotations:
          summary: '{{ $labels.job }} has {{ $value | humanize }} errors'
          worst: '{{ with query "topk(1, errors)" }}{{ . | first | label "instance" }}{{ end }}'
          broken: '{{ $labels.job | toTime }}'
`;

test("rules are evaluated in order, record what the next reads, and expand their templates", async () => {
  const { storage, clock, alerting, query } = await setUp(RULES);
  for (let tMs = 0; tMs <= 120_000; tMs += 5_000) {
    storage.append({ __name__: "errors", job: "cart", instance: "a" }, tMs, 2_000);
    storage.append({ __name__: "errors", job: "cart", instance: "b" }, tMs, 1);
  }
  await clock.advance(15_000);
  expect(alerting.alerts()).toMatchObject([
    { state: "pending", labels: { alertname: "ManyErrors", level: "high", recorded: "yes" } },
  ]);
  expect(await query("ALERTS")).toMatchObject({
    result: [{ metric: { alertstate: "pending", alertname: "ManyErrors" } }],
  });
  await clock.advance(25_000);
  expect(alerting.alerts()).toMatchObject([
    {
      state: "firing",
      value: 2_001,
      annotations: {
        summary: "cart has 2.001k errors",
        worst: "a",
        broken: '<error expanding template: 1:18 error calling toTime: can\'t convert "cart" to a number.>',
      },
      evidence: { condition: "job:errors:sum > 5", values: [{ value: 2_001 }] },
    },
  ]);
  expect(await query("ALERTS")).toMatchObject({ result: [{ metric: { alertstate: "firing" } }] });
  expect(await query('job:errors:sum{recorded="yes"}')).toMatchObject({
    result: [{ value: [expect.anything(), "2001"] }],
  });
});

test("a recorded series that is gone ends at once, and so do ALERTS", async () => {
  const { storage, clock, alerting, query } = await setUp(RULES.replace("for: 20s", "for: 0s"));
  storage.append({ __name__: "errors", job: "cart", instance: "a" }, 0, 10);
  await clock.advance(20_000);
  expect(alerting.alerts()[0]!.state).toBe("firing");
  storage.append({ __name__: "errors", job: "cart", instance: "a" }, 20_000, STALE_MARKER);
  await clock.advance(15_000);
  expect(alerting.alerts()[0]!.state).toBe("resolved");
  expect(await query("ALERTS or job:errors:sum or ALERTS_FOR_STATE")).toMatchObject({ result: [] });
});

test("a missing series is no alert, an alert or nothing new, as the rule says", async () => {
  const yaml = (how: string) =>
    `groups: [{name: g, interval: 10s, rules: [{alert: A, expr: 'x > 1', on_no_data: ${how}}]}]`;
  for (const [how, want] of [
    ["ok", []],
    ["alert", ["no-data"]],
    ["keep", []],
  ] as const) {
    const { clock, alerting } = await setUp(yaml(how));
    await clock.advance(15_000);
    expect(alerting.alerts().map(({ state }) => state)).toEqual(want);
  }
  const { storage, clock, alerting } = await setUp(yaml("keep"));
  storage.append({ __name__: "x" }, 0, 5);
  await clock.advance(15_000);
  await clock.advance(400_000);
  expect(alerting.alerts().map(({ state }) => state)).toEqual(["firing"]);
  storage.append({ __name__: "x" }, 420_000, 0);
  await clock.advance(20_000);
  expect(alerting.alerts().map(({ state }) => state)).toEqual(["resolved"]);
});

test("a rule that cannot be evaluated keeps its alerts and says why", async () => {
  const { storage, clock, alerting } = await setUp(
    "groups: [{name: g, interval: 10s, rules: [{alert: A, expr: 'x * on() y > 1'}]}]",
  );
  storage.append({ __name__: "x" }, 0, 5);
  storage.append({ __name__: "y", a: "1" }, 0, 5);
  await clock.advance(15_000);
  storage.append({ __name__: "y", a: "2" }, 15_000, 5);
  await clock.advance(10_000);
  expect(alerting.alerts().map(({ state }) => state)).toEqual(["firing"]);
  expect(alerting.ruleGroups()[0]!.rules[0]).toMatchObject({
    health: "error",
    error: expect.stringMatching(/./),
  });
});

test("keep_firing_for holds an alert after its condition ended", async () => {
  const { storage, clock, alerting } = await setUp(
    "groups: [{name: g, interval: 10s, rules: [{alert: A, expr: 'x > 1', keep_firing_for: 30s}]}]",
  );
  storage.append({ __name__: "x" }, 0, 5);
  await clock.advance(15_000);
  storage.append({ __name__: "x" }, 15_000, 0);
  await clock.advance(30_000);
  expect(alerting.alerts()[0]!.state).toBe("firing");
  await clock.advance(20_000);
  expect(alerting.alerts()[0]!.state).toBe("resolved");
});

test("a rule with more alerts than its group allows fails and loses all of them, as in Prometheus", async () => {
  const { storage, clock, alerting } = await setUp(
    "groups: [{name: g, interval: 10s, limit: 1, rules: [{alert: A, expr: 'x > 1'}]}]",
  );
  storage.append({ __name__: "x", a: "1" }, 0, 5);
  await clock.advance(15_000);
  expect(alerting.alerts()).toMatchObject([{ state: "firing", labels: { a: "1" } }]);
  storage.append({ __name__: "x", a: "2" }, 16_000, 5);
  await clock.advance(15_000);
  const [group] = alerting.ruleGroups();
  expect(group!.ruleFailures).toBeGreaterThan(0);
  expect(group).toMatchObject({
    rules: [
      {
        health: "error",
        error:
          'The rule "A" has 2 alerts and its group allows 1, so all of them are dropped. Raise the group\'s limit, or aggregate in the expression.',
      },
    ],
  });
  // It fired and is out of sight: an end is told in four minutes, unless it is seen to fire before.
  const [gone] = alerting.alerts();
  expect(gone).toMatchObject({ state: "resolved", labels: { a: "1" } });
  expect(gone!.endsAtMs! - gone!.updatedAtMs).toBe(240_000);
  expect(alerting.routedAlerts().map(({ alert }) => isResolved(alert, clock.now()))).toEqual([false]);
  const { startsAtMs } = alerting.routedAlerts()[0]!.alert;
  storage.append({ __name__: "x", a: "2" }, clock.now(), 0);
  storage.append({ __name__: "x", a: "1" }, clock.now(), 5);
  await clock.advance(15_000);
  expect(alerting.alerts()).toMatchObject([{ state: "firing", labels: { a: "1" } }]);
  expect(alerting.routedAlerts()).toMatchObject([{ alert: { endsAtMs: undefined, startsAtMs } }]);
});

test("the heartbeat stops while not one rule can be evaluated, and goes on with the first that can", async () => {
  const beats = await webhookReceiver();
  const failing = new Set(["a", "b"]);
  const { groups } = readRuleFile({
    file: "r.yml",
    text: "groups: [{name: g, interval: 10s, rules: [{alert: A, expr: a}, {alert: B, expr: b}]}]",
  });
  const queryable: Queryable = {
    instantQuery: async (query) => {
      if (failing.has(query)) throw new Error("the engine is away");
      return new Engine().instantQuery(new MemoryStorage(), "vector(1) > 2", 0);
    },
    rangeQuery: () => Promise.reject(new Error("not asked")),
  };
  const clock = new ManualClock(0);
  const alerting = createAlerting({
    config: AlertingConfig.parse({ heartbeat: { url: beats.url, interval: "20s" } }),
    ruleSources: groups.map((group) => new RuleGroupSource(group, { queryable, externalUrl: "http://x" })),
    journal: new MemoryJournal(),
    clock,
    externalUrl: "http://x",
  });
  closing.push(beats, alerting);
  await alerting.start();
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  await clock.advance(41_000);
  while (alerting.heartbeat?.error === undefined) await settled();
  expect(alerting.heartbeat.error).toBe("not one rule can be evaluated: the engine is away");
  const before = beats.received.length;
  await clock.advance(40_000);
  await settled();
  expect(beats.received).toHaveLength(before);
  failing.delete("b");
  await clock.advance(40_000);
  await beats.count(before + 1);
  while (alerting.heartbeat?.error !== undefined) await settled();
});
