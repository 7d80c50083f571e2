import { ManualClock } from "@tocsin/model/testing";
import { afterEach, expect, test } from "vitest";
import {
  type AlertChange,
  type Alerting,
  AlertingConfig,
  type AlertRuleSource,
  createAlerting,
  type EvidenceCollector,
  fingerprint,
  type Journal,
  MemoryJournal,
} from "../src/index.js";
import { SettableSource, sample } from "./fake-source.js";
import { webhookReceiver } from "./webhook-receiver.js";

const T0 = Date.UTC(2026, 10, 21, 14, 0, 0);
const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

async function setUp(options: {
  source: AlertRuleSource;
  route?: object;
  receiver?: object;
  extra?: object;
  journal?: Journal;
  clock?: ManualClock;
  hook?: Awaited<ReturnType<typeof webhookReceiver>>;
  evidence?: EvidenceCollector;
}) {
  const hook = options.hook ?? (await webhookReceiver());
  const clock = options.clock ?? new ManualClock(T0);
  const journal = options.journal ?? new MemoryJournal();
  const changes: AlertChange[] = [];
  const config = AlertingConfig.parse({
    route: {
      receiver: "hook",
      group_by: ["alertname"],
      group_wait: "1s",
      group_interval: "10s",
      repeat_interval: "1h",
      ...options.route,
    },
    receivers: [{ name: "hook", webhook_configs: [{ url: hook.url, ...options.receiver }] }],
    ...options.extra,
  });
  const alerting = createAlerting({
    config,
    ruleSources: [options.source],
    journal,
    clock,
    evidence: options.evidence,
    externalUrl: "http://localhost:4319",
    listeners: [{ onAlertChange: (change) => void changes.push(change) }],
    random: () => 0.5,
  });
  await alerting.start();
  closing.push(hook, alerting);
  return { alerting, hook, clock, journal, changes, config };
}

/** Network answers come outside of the hand-moved clock: wait for them, then let what follows settle. */
async function delivered(alerting: Alerting, sent: number): Promise<void> {
  while (alerting.deliveryCounts.sent < sent) await new Promise((resolve) => setImmediate(resolve));
}

test("a firing alert reaches the webhook in Alertmanager's form, and so does its end", async () => {
  const source = new SettableSource();
  const { alerting, hook, clock, changes } = await setUp({ source });
  source.set(sample({ instance: "a" }), sample({ instance: "b" }));
  await clock.advance(3_000);
  await delivered(alerting, 1);
  const labels = { alertname: "HighErrors", severity: "page" };
  const startsAt = new Date(alerting.alerts()[0]!.startsAtMs!).toISOString().replace(/0*Z$/, "Z");
  expect(hook.received[0]!.body).toEqual({
    receiver: "hook",
    status: "firing",
    alerts: ["a", "b"].map((instance) => ({
      status: "firing",
      labels: { ...labels, instance },
      annotations: { summary: "errors are high" },
      startsAt,
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "http://localhost:4319/graph?g0.expr=errors+%3E+1&g0.tab=1",
      fingerprint: fingerprint({ ...labels, instance }),
    })),
    groupLabels: { alertname: "HighErrors" },
    commonLabels: labels,
    commonAnnotations: { summary: "errors are high" },
    externalURL: "http://localhost:4319",
    version: "4",
    groupKey: '{}:{alertname="HighErrors"}',
    truncatedAlerts: 0,
  });
  source.set();
  await clock.advance(15_000);
  await delivered(alerting, 2);
  expect(hook.received[1]!.body).toMatchObject({
    status: "resolved",
    alerts: [{ status: "resolved" }, { status: "resolved" }],
  });
  await clock.advance(60_000);
  expect(hook.received).toHaveLength(2);
  expect(changes.map(({ kind, isRepeat }) => `${kind} ${isRepeat}`)).toEqual([
    "firing false",
    "firing false",
    "resolved false",
    "resolved false",
  ]);
});

test("`for` goes on counting over a restart, and what was told is not told again", async () => {
  const source = new SettableSource({ forMs: 60_000 });
  const first = await setUp({ source });
  source.set(sample());
  await first.clock.advance(31_000);
  expect(first.alerting.alerts()).toMatchObject([{ state: "pending" }]);
  const { activeAtMs, id } = first.alerting.alerts()[0]!;
  await first.alerting.close();

  await first.clock.advance(5_000);
  const second = await setUp({ source, journal: first.journal, clock: first.clock, hook: first.hook });
  await second.clock.advance(30_000);
  await delivered(second.alerting, 1);
  expect(second.alerting.alerts()).toMatchObject([{ state: "firing", id, activeAtMs }]);
  expect(second.alerting.alerts()[0]!.startsAtMs! - activeAtMs).toBeLessThanOrEqual(61_000);
  await second.alerting.close();

  const third = await setUp({ source, journal: first.journal, clock: first.clock, hook: first.hook });
  await third.clock.advance(120_000);
  expect(first.hook.received).toHaveLength(1);
  expect(third.changes).toMatchObject([{ kind: "firing", isRepeat: true, alert: { id } }]);
});

test("a notification that was decided and not sent before a kill goes out after it, with the same id", async () => {
  const source = new SettableSource();
  const hook = await webhookReceiver([{ status: 503 }]);
  const first = await setUp({ source, hook });
  source.set(sample());
  await first.clock.advance(2_500);
  await hook.count(1);
  await first.alerting.close();
  const second = await setUp({ source, journal: first.journal, clock: first.clock, hook });
  await second.clock.advance(1);
  await delivered(second.alerting, 1);
  expect(hook.received).toHaveLength(2);
  expect(hook.received[1]!.headers["webhook-id"]).toBe(hook.received[0]!.headers["webhook-id"]);
  expect(hook.received[1]!.body).toEqual(hook.received[0]!.body);
});

test("Retry-After is honoured", async () => {
  const source = new SettableSource();
  const hook = await webhookReceiver([{ status: 429, headers: { "retry-after": "7" } }]);
  const { alerting, clock } = await setUp({ source, hook });
  source.set(sample());
  await clock.advance(2_500);
  await hook.count(1);
  while (alerting.deliveryCounts.failedTries < 1) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(6_900);
  expect(hook.received).toHaveLength(1);
  await clock.advance(3_000);
  await delivered(alerting, 1);
  expect(hook.received).toHaveLength(2);
});

test("an alert that resolved before its firing got out is told as resolved, once", async () => {
  const source = new SettableSource();
  const hook = await webhookReceiver(Array.from({ length: 3 }, () => ({ status: 500 })));
  const { alerting, clock } = await setUp({ source, hook });
  source.set(sample());
  await clock.advance(2_500);
  await hook.count(1);
  source.set();
  while (alerting.deliveryCounts.sent < 1) {
    await clock.advance(5_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(hook.received.at(-1)!.body).toMatchObject({ status: "resolved", alerts: [{ status: "resolved" }] });
  await clock.advance(60_000);
  expect(alerting.notifications().filter(({ status }) => status === "waiting")).toEqual([]);
});

/** With a second receiver that hears of what the first refuses. */
async function setUpWithFallback(source: AlertRuleSource, hook: Awaited<ReturnType<typeof webhookReceiver>>) {
  const fallback = await webhookReceiver();
  closing.push(fallback);
  const receivers = [
    { name: "hook", webhook_configs: [{ url: hook.url }] },
    { name: "spare", webhook_configs: [{ url: fallback.url }] },
  ];
  return { fallback, ...(await setUp({ source, hook, extra: { receivers, fallback_receiver: "spare" } })) };
}

test("a rejected notification is listed as dead, told to the fallback receiver, and can be replayed", async () => {
  const source = new SettableSource();
  const hook = await webhookReceiver([{ status: 404 }]);
  const { fallback, alerting, clock } = await setUpWithFallback(source, hook);
  source.set(sample());
  await clock.advance(2_500);
  await delivered(alerting, 1);
  expect(fallback.received[0]!.body.receiver).toBe("spare");
  const dead = alerting.notifications().find(({ status }) => status === "dead")!;
  expect(dead.error).toMatch(
    /^The webhook at 127\.0\.0\.1:\d+ answered 404\. Check that the URL still exists\.$/,
  );
  await alerting.replayNotification(dead.id);
  await delivered(alerting, 2);
  expect(hook.received).toHaveLength(2);
});

test("a receiver that goes on refusing is tried again, and the fallback is told once and of the end", async () => {
  const source = new SettableSource();
  const hook = await webhookReceiver(Array.from({ length: 20 }, () => ({ status: 400 })));
  const { fallback, clock } = await setUpWithFallback(source, hook);
  source.set(sample());
  // A try needs the network, and the next turn of the group the clock: a little of each.
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) {
      await clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await until(() => hook.received.length >= 4 && fallback.received.length >= 1);
  source.set();
  await until(() => fallback.received.length >= 2);
  expect(fallback.received.map(({ body }) => body.status)).toEqual(["firing", "resolved"]);
});

test("an acknowledged alert is not repeated, and its end is told", async () => {
  const source = new SettableSource();
  const { alerting, hook, clock } = await setUp({ source, route: { repeat_interval: "30s" } });
  source.set(sample());
  await clock.advance(2_500);
  await delivered(alerting, 1);
  await clock.advance(41_000);
  await delivered(alerting, 2);
  await alerting.acknowledge(alerting.alerts()[0]!.id, "ana", "on it");
  await clock.advance(120_000);
  expect(hook.received).toHaveLength(2);
  source.set();
  await clock.advance(12_000);
  await delivered(alerting, 3);
  expect(hook.received[2]!.body.status).toBe("resolved");
});

test("nobody acknowledges: the escalation receiver is told, and hears of the end", async () => {
  const source = new SettableSource();
  const boss = await webhookReceiver();
  const hook = await webhookReceiver();
  closing.push(boss);
  const { alerting, clock } = await setUp({
    source,
    hook,
    route: { escalation: { after: "5m", receiver: "boss" } },
    extra: {
      receivers: [
        { name: "hook", webhook_configs: [{ url: hook.url }] },
        { name: "boss", webhook_configs: [{ url: boss.url }] },
      ],
    },
  });
  source.set(sample());
  await clock.advance(2_500);
  await delivered(alerting, 1);
  await clock.advance(287_500);
  expect(boss.received).toHaveLength(0);
  await clock.advance(15_000);
  await delivered(alerting, 2);
  expect(boss.received).toHaveLength(1);
  source.set();
  await clock.advance(15_000);
  await delivered(alerting, 4);
  expect(boss.received[1]!.body.status).toBe("resolved");
});

test("without any configuration alerts are written to the log", async () => {
  const lines: object[] = [];
  const note = (fields: object, message: string) => void lines.push({ ...fields, message });
  const source = new SettableSource();
  const clock = new ManualClock(T0);
  const alerting = createAlerting({
    config: AlertingConfig.parse({}),
    ruleSources: [source],
    journal: new MemoryJournal(),
    clock,
    externalUrl: "http://localhost:4319",
    logger: { debug() {}, info: note, warn: note, error: note },
  });
  closing.push(alerting);
  await alerting.start();
  source.set(sample({ service: "checkout" }));
  await clock.advance(3_000);
  expect(lines).toMatchObject([{ message: "alert fires", title: "PAGE HighErrors", receiver: "log" }]);
});

test("a clock that jumps two hours neither fires a pending alert nor holds one back", async () => {
  for (const jumpMs of [7_200_000, -7_200_000]) {
    const source = new SettableSource({ forMs: 60_000 });
    const clock = new ManualClock(T0);
    const jumping = { now: () => clock.now() + shiftMs, after: clock.after.bind(clock) };
    let shiftMs = 0;
    const alerting = createAlerting({
      config: AlertingConfig.parse({}),
      ruleSources: [source],
      journal: new MemoryJournal(),
      clock: jumping,
      externalUrl: "http://x",
    });
    closing.push(alerting);
    await alerting.start();
    source.set(sample());
    await clock.advance(30_000);
    shiftMs = jumpMs;
    await clock.advance(20_000);
    expect(alerting.alerts()).toMatchObject([{ state: "pending" }]);
    await clock.advance(15_000);
    expect(alerting.alerts()).toMatchObject([{ state: "firing" }]);
  }
});

test.each([0, -7_200_000])(
  "a restart with the clock set by %d ms: `for` goes on, and what ends ends",
  async (byMs) => {
    const rules = [
      new SettableSource(),
      new SettableSource({ id: "Slow", name: "Slow", forMs: 60_000 }),
    ] as const;
    const source = new SettableSource();
    const both: AlertRuleSource = {
      ...source,
      name: "both",
      intervalMs: 1_000,
      rules: () => rules.map(({ rule }) => rule),
      evaluate: async (nowMs) => (await Promise.all(rules.map((each) => each.evaluate(nowMs)))).flat(),
    };
    for (const each of rules) each.set(sample());
    const { alerting, hook, journal, clock } = await setUp({ source: both });
    await clock.advance(31_000);
    await delivered(alerting, 1);
    await alerting.close();
    const later = new ManualClock(clock.now() + byMs);
    const next = await setUp({ source: both, journal, hook, clock: later });
    const slow = () => next.alerting.alerts().find(({ rule }) => rule === "Slow");
    // What was last written of it is that it began; how long it had lasted since is known to the running process alone.
    await later.advance(byMs === 0 ? 27_000 : 57_000);
    expect(slow()).toMatchObject({ state: "pending" });
    await later.advance(5_000);
    expect(slow()).toMatchObject({ state: "firing" });
    for (const each of rules) each.set();
    await later.advance(15_000);
    await delivered(next.alerting, 3);
    expect(hook.received.map(({ body }) => `${body.groupLabels.alertname} ${body.status}`).sort()).toEqual([
      "HighErrors firing",
      "HighErrors resolved",
      "Slow firing",
      "Slow resolved",
    ]);
  },
);

test("a reload keeps the state of alerts: no end, no second start", async () => {
  const source = new SettableSource();
  const { alerting, hook, clock, config, changes } = await setUp({ source });
  source.set(sample());
  await clock.advance(2_500);
  await delivered(alerting, 1);
  await alerting.reload({ config, ruleSources: [source] });
  await clock.advance(60_000);
  expect(hook.received).toHaveLength(1);
  expect(changes).toHaveLength(1);
});

test("an alert ends when its rule is gone after a reload", async () => {
  const source = new SettableSource();
  const { alerting, hook, clock, config } = await setUp({ source });
  source.set(sample());
  await clock.advance(2_500);
  await delivered(alerting, 1);
  await alerting.reload({ config, ruleSources: [] });
  await clock.advance(15_000);
  await delivered(alerting, 2);
  expect(hook.received[1]!.body.status).toBe("resolved");
});

test("the heartbeat is sent as long as rules are evaluated", async () => {
  const beats = await webhookReceiver();
  closing.push(beats);
  const source = new SettableSource();
  const { alerting, clock } = await setUp({
    source,
    extra: { heartbeat: { url: beats.url, interval: "30s" } },
  });
  const sentAfter = async (atMs: number): Promise<void> => {
    while ((alerting.heartbeat?.sentAtMs ?? -1) < atMs) await new Promise((resolve) => setImmediate(resolve));
  };
  await sentAfter(T0);
  await clock.advance(31_000);
  await sentAfter(T0 + 20_000);
  // From here on evaluation hangs: the calls must stop, for the other side cannot know otherwise.
  let goOn = (): void => {};
  source.evaluate = () =>
    new Promise((resolve) => {
      goOn = () => resolve([]);
    });
  await clock.advance(60_000);
  expect(beats.received).toHaveLength(2);
  expect(alerting.heartbeat?.error).toMatch(/^the rules of test have not been evaluated for \d+ s$/);
  goOn();
});

test("evidence that takes long delays nobody, is kept with the alert, and outlives alert and process", async () => {
  const source = new SettableSource();
  const journal = new MemoryJournal();
  let answer: (facts: { traceIds: string[] }) => void = () => {};
  const later = new Promise<{ traceIds: string[] }>((resolve) => {
    answer = resolve;
  });
  const { alerting, clock } = await setUp({
    source,
    journal,
    evidence: {
      collect: async () => ({ changes: [{ atMs: T0 - 30_000, kind: "deploy", text: "cart 1 → 2" }] }),
      collectLater: () => later,
    },
  });
  source.set(sample({ instance: "a" }));
  await clock.advance(3_000);
  await delivered(alerting, 1);
  const { id } = alerting.alerts()[0]!;
  expect(alerting.find(id)?.evidence).toMatchObject({ changes: [{ text: "cart 1 → 2" }] });
  expect(alerting.find(id)?.evidence).not.toHaveProperty("traceIds");
  answer({ traceIds: ["0af7"] });
  await clock.advance(1_000);
  expect(alerting.find(id)?.evidence).toMatchObject({ traceIds: ["0af7"] });
  expect(alerting.deliveryCounts.sent).toBe(1);
  source.set();
  await clock.advance(15_000);
  await delivered(alerting, 2);
  await alerting.close();

  await clock.advance(3_600_000);
  const again = await setUp({ source: new SettableSource(), journal, clock });
  expect(again.alerting.alerts()).toEqual([]);
  expect(again.alerting.find(id)).toMatchObject({
    state: "resolved",
    evidence: { changes: [{ text: "cart 1 → 2" }], traceIds: ["0af7"] },
  });
  expect(again.alerting.find("unknown")).toBeUndefined();
});

test("closing and reloading leave a query behind that never answers", async () => {
  const source = new SettableSource();
  let isAsked = false;
  source.evaluate = () => {
    isAsked = true;
    return new Promise(() => {});
  };
  const { alerting, clock, config } = await setUp({ source });
  await clock.advance(2_000);
  expect(isAsked).toBe(true);
  const other = new SettableSource();
  const reloaded = alerting.reload({ config, ruleSources: [other] });
  await clock.advance(5_000);
  await reloaded;
  await clock.advance(2_000);
  expect(other.evaluatedAtMs.length).toBeGreaterThan(0);
  other.evaluate = () => new Promise(() => {});
  await clock.advance(1_000);
  const closed = alerting.close();
  await clock.advance(0);
  await clock.advance(5_000);
  await closed;
});

test("external labels go out with every alert; under other ones an alert ends and starts anew", async () => {
  const source = new SettableSource();
  const { alerting, hook, clock, config } = await setUp({ source });
  await alerting.reload({ config, ruleSources: [source], externalLabels: { cluster: "eu", severity: "x" } });
  source.set(sample({ instance: "a" }));
  await clock.advance(3_000);
  await delivered(alerting, 1);
  expect(hook.received[0]!.body.commonLabels).toMatchObject({ cluster: "eu", severity: "page" });
  await alerting.reload({ config, ruleSources: [source], externalLabels: { cluster: "us" } });
  await clock.advance(12_000);
  await delivered(alerting, 2);
  const told = hook.received[1]!.body.alerts.map(({ status, labels }) => `${labels.cluster} ${status}`);
  expect(told.sort()).toEqual(["eu resolved", "us firing"]);
});

test("a receiver may have any name", async () => {
  const source = new SettableSource();
  const hook = await webhookReceiver();
  const name = "slack #oncall/eu";
  const { alerting, clock } = await setUp({
    source,
    hook,
    route: { receiver: name },
    extra: { receivers: [{ name, webhook_configs: [{ url: hook.url }] }] },
  });
  source.set(sample());
  await clock.advance(3_000);
  await delivered(alerting, 1);
  expect(alerting.deliveryTotals()).toMatchObject([
    { receiver: name, integration: "webhook", sent: 1, failed: {}, dead: {}, tries: 1 },
  ]);
});

test("what could not be delivered is counted by receiver and reason", async () => {
  const source = new SettableSource();
  const hook = await webhookReceiver([{ status: 503 }, { status: 400 }]);
  const { alerting, clock } = await setUp({ source, hook, route: { group_interval: "1h" } });
  source.set(sample());
  await clock.advance(3_000);
  while (alerting.deliveryCounts.failedTries < 1) await new Promise((resolve) => setImmediate(resolve));
  while (alerting.deliveryCounts.dead < 1) {
    await clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(alerting.deliveryTotals()).toMatchObject([
    { failed: { unreachable: 1, rejected: 1 }, dead: { rejected: 1 }, tries: 2 },
  ]);
});

const watchdogRoute = { receiver: "hook", matchers: ['alertname="tocsin_watchdog"'], repeat_interval: "30s" };

test("the watchdog is told again and again where a route names it, and ends when a rule is not evaluated", async () => {
  const source = new SettableSource();
  const { alerting, hook, clock } = await setUp({
    source,
    route: { routes: [watchdogRoute] },
    extra: { watchdog: true },
  });
  await clock.advance(20_000);
  await delivered(alerting, 1);
  await clock.advance(45_000);
  await delivered(alerting, 2);
  expect(hook.received.map(({ body }) => `${body.groupLabels.alertname} ${body.status}`)).toEqual([
    "tocsin_watchdog firing",
    "tocsin_watchdog firing",
  ]);
  source.evaluate = (_nowMs, signal) =>
    new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
  await clock.advance(60_000);
  while (hook.received.at(-1)!.body.status !== "resolved")
    await new Promise((resolve) => setImmediate(resolve));
});

test("a route for everything does not hear the watchdog", async () => {
  const { alerting, hook, clock } = await setUp({ source: new SettableSource(), extra: { watchdog: true } });
  await clock.advance(60_000);
  expect(alerting.alerts()).toMatchObject([{ rule: "tocsin_watchdog", state: "firing" }]);
  expect(alerting.routeOf({ alertname: "tocsin_watchdog" })).toEqual([]);
  expect(hook.received).toEqual([]);
});
