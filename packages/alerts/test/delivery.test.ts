import { ManualClock } from "@tocsin/model/testing";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { backoffMs, parseRetryAfter } from "../src/deliver/backoff.js";
import { type Alerting, AlertingConfig, createAlerting, type Journal, MemoryJournal } from "../src/index.js";
import { SettableSource, sample } from "./fake-source.js";
import { target } from "./notifier-kit.js";

const T0 = Date.UTC(2026, 10, 21, 14, 0, 0);
const closing: Alerting[] = [];
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close();
});

async function setUp(
  receivers: object[],
  more: { extra?: object; journal?: Journal; clock?: ManualClock } = {},
) {
  const source = new SettableSource({}, 1_000);
  const clock = more.clock ?? new ManualClock(T0);
  const journal = more.journal ?? new MemoryJournal();
  const alerting = createAlerting({
    config: AlertingConfig.parse({
      route: { receiver: "first", group_wait: "0s", group_interval: "24h", repeat_interval: "48h" },
      receivers,
      ...more.extra,
    }),
    ruleSources: [source],
    journal,
    clock,
    externalUrl: "http://localhost:4319",
    random: () => 0.5,
  });
  closing.push(alerting);
  await alerting.start();
  return { source, clock, journal, alerting };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await settled();
}

describe("the wait before the next try", () => {
  test("is a random share of a span that doubles up to five minutes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, share) => {
          const spanMs = Math.min(300_000, 1_000 * 2 ** attempt);
          expect(backoffMs(attempt, 0, undefined)).toBe(0);
          expect(backoffMs(attempt, 1, undefined)).toBe(spanMs);
          expect(backoffMs(attempt, share, undefined)).toBe(Math.round(share * spanMs));
          // What was asked for is never undercut, and a crowd does not come back at one moment.
          expect(backoffMs(attempt, share, 60_000)).toBe(60_000 + Math.round(share * spanMs));
        },
      ),
    );
  });

  test.each([
    ["7", 7_000],
    ["0.5", 500],
    [new Date(T0 + 90_000).toUTCString(), 90_000],
    [new Date(T0 - 90_000).toUTCString(), 0],
    ["99999999", 86_400_000],
    ["soon", undefined],
    [undefined, undefined],
  ])("Retry-After %s", (header, want) => {
    expect(parseRetryAfter(header, T0)).toBe(want);
  });
});

test("every try of a notification has the same id and the same body", async () => {
  const { url, seen } = await target([{ status: 503 }, { status: 500 }, "hang", { status: 429 }]);
  const { source, clock, alerting } = await setUp([
    { name: "first", webhook_configs: [{ url, timeout: "50ms" }] },
  ]);
  source.set(sample());
  await clock.advance(2_000);
  while (alerting.deliveryCounts.sent < 1) {
    await clock.advance(500);
    await settled();
  }
  expect(seen).toHaveLength(5);
  expect(new Set(seen.map(({ body }) => body)).size).toBe(1);
  expect(new Set(seen.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
});

test("what cannot be sent expires also while a pause that was asked for lasts; it is listed, the fallback told, and replayed under its id", async () => {
  const asks = { status: 429, headers: { "retry-after": "86400" } };
  const hook = await target([asks]);
  const other = await target();
  const { source, clock, alerting, journal } = await setUp(
    [
      { name: "first", webhook_configs: [{ url: hook.url }] },
      { name: "second", webhook_configs: [{ url: other.url }] },
    ],
    { extra: { fallback_receiver: "second", expire_after: "10m" } },
  );
  source.set(sample());
  await clock.advance(2_000);
  await until(() => alerting.deliveryCounts.failedTries === 1);
  await clock.advance(596_000);
  expect(alerting.deliveryCounts.dead).toBe(0);
  await clock.advance(5_000);
  expect(alerting.deliveryCounts.dead).toBe(1);
  const [dead] = alerting.notifications().filter(({ status }) => status === "dead");
  expect(dead).toMatchObject({ receiver: "first", attempts: 1, error: expect.stringContaining("429") });
  expect(alerting.deliveryTotals()[0]).toMatchObject({ dead: { expired: 1 } });
  await until(() => other.seen.length === 1);
  expect(JSON.parse(other.seen[0]!.body)).toMatchObject({ receiver: "second", status: "firing" });

  await until(() => alerting.deliveryCounts.sent === 1);

  // The list outlives the process.
  await alerting.close();
  const next = await setUp([{ name: "first", webhook_configs: [{ url: hook.url }] }], { journal, clock });
  next.source.set(sample());
  expect(next.alerting.notifications()).toMatchObject([{ status: "dead", id: dead!.id }]);
  await next.alerting.replayNotification(dead!.id);
  await until(() => hook.seen.length === 2);
  expect(hook.seen[1]!.headers["webhook-id"]).toBe(hook.seen[0]!.headers["webhook-id"]);
  await until(() => next.alerting.deliveryCounts.sent === 1);
  expect(next.alerting.notifications().filter(({ status }) => status === "dead")).toEqual([]);
});

test("one channel that asks for a pause, or is gone, delays no other of the same service", async () => {
  const paused = await target([{ status: 429, body: '{"retry_after": 3600}' }]);
  const gone = await target(Array.from({ length: 50 }, () => ({ status: 500 })));
  const well = await target();
  const { source, clock, alerting } = await setUp([
    {
      name: "first",
      discord_configs: [paused, gone, well].map(({ url }) => ({ webhook_url: `${url}/api/webhooks/1/x` })),
    },
  ]);
  source.set(sample());
  await clock.advance(1_500);
  await until(() => well.seen.length === 1 && alerting.deliveryCounts.failedTries >= 2);
  await clock.advance(60_000);
  expect(paused.seen).toHaveLength(1);
  // The circuit lets a try through now and then, and no more.
  expect(gone.seen.length).toBeLessThan(15);
});

test("a storm of groups goes out to a webhook at once, the words of each group in their order", async () => {
  const { url, seen } = await target();
  const { source, clock, alerting } = await setUp([{ name: "first", webhook_configs: [{ url }] }], {
    extra: { route: { receiver: "first", group_by: ["..."], group_wait: "0s", group_interval: "1s" } },
  });
  const all = Array.from({ length: 150 }, (_, index) => sample({ instance: String(index) }));
  source.set(...all);
  await clock.advance(1_000);
  await until(() => alerting.deliveryCounts.sent === 150);
  source.set();
  await clock.advance(2_000);
  while (alerting.deliveryCounts.sent < 300) {
    await clock.advance(100);
    await settled();
  }
  const stories = new Map<string, string[]>();
  for (const { body } of seen) {
    const { groupKey, status } = JSON.parse(body) as { groupKey: string; status: string };
    stories.set(groupKey, [...(stories.get(groupKey) ?? []), status]);
  }
  expect(stories.size).toBe(150);
  for (const story of stories.values()) expect(story).toEqual(["firing", "resolved"]);
});
