import { ManualClock } from "@tocsin/model/testing";
import { afterEach, expect, test } from "vitest";
import { type Alerting, AlertingConfig, createAlerting, type Journal, MemoryJournal } from "../src/index.js";
import { RULE, SettableSource } from "./fake-source.js";
import { webhookReceiver } from "./webhook-receiver.js";

const T0 = Date.UTC(2026, 10, 21, 14, 0, 0);
const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

/** The page and the ticket of one SLO, as a source of SLOs gives them. */
class SloSource extends SettableSource {
  readonly page = { ...RULE, name: "Burn", id: "cart/page", labels: { slo: "cart", severity: "page" } };
  readonly ticket = {
    ...this.page,
    id: "cart/ticket",
    labels: { slo: "cart", severity: "ticket" },
    leadLabels: { ...this.page.labels, alertname: "Burn" },
  };
  on: readonly ("page" | "ticket")[] = [];

  override rules() {
    return [this.page, this.ticket];
  }

  override async evaluate(nowMs: number) {
    this.evaluatedAtMs.push(nowMs);
    return [this.page, this.ticket].map((rule) => {
      const isOn = this.on.some((severity) => rule.labels.severity === severity);
      const samples = isOn ? [{ labels: rule.labels, annotations: {}, value: 2 }] : [];
      return { rule, outcome: { kind: "samples" as const, samples } };
    });
  }
}

interface Body {
  status: string;
  groupKey: string;
  groupLabels: Record<string, string>;
  alerts: { status: string; labels: Record<string, string> }[];
}

async function setUp(
  route: object,
  more: { journal?: Journal; clock?: ManualClock; source?: SloSource; extra?: object } = {},
) {
  const [hook, other] = [await webhookReceiver(), await webhookReceiver()];
  const source = more.source ?? new SloSource();
  const clock = more.clock ?? new ManualClock(T0);
  const journal = more.journal ?? new MemoryJournal();
  const alerting = createAlerting({
    config: AlertingConfig.parse({
      route: {
        receiver: "hook",
        group_by: ["alertname", "severity"],
        group_wait: "2s",
        group_interval: "1m",
        repeat_interval: "1h",
        ...route,
      },
      receivers: [
        { name: "hook", webhook_configs: [{ url: hook.url }] },
        { name: "other", webhook_configs: [{ url: other.url }] },
      ],
      ...more.extra,
    }),
    ruleSources: [source],
    journal,
    clock,
    externalUrl: "http://x",
    random: () => 0.5,
  });
  await alerting.start();
  closing.push(hook, other, alerting);
  const told = ({ received }: typeof hook): string[] =>
    received.map(({ body }) => {
      const { status, groupKey, alerts } = body as unknown as Body;
      return `${status} ${alerts.map((each) => `${each.labels.severity}:${each.status}`).join(" ")} in ${groupKey}`;
    });
  return { alerting, source, clock, journal, hook, other, told };
}

async function delivered(alerting: Alerting, sent: number): Promise<void> {
  while (alerting.deliveryCounts.sent < sent) await new Promise((resolve) => setImmediate(resolve));
}

const KEY = '{}:{alertname="Burn", severity="page"}';

test("page and ticket of one SLO are one group, told once, over when the last one is over", async () => {
  const { alerting, source, clock, hook, told } = await setUp({});
  source.on = ["page"];
  await clock.advance(4_000);
  await delivered(alerting, 1);
  source.on = ["page", "ticket"];
  // The ticket has a group_wait, as in a group of its own.
  await clock.advance(4_000);
  await delivered(alerting, 2);
  source.on = ["ticket"];
  await clock.advance(62_000);
  await delivered(alerting, 3);
  source.on = [];
  await clock.advance(62_000);
  await delivered(alerting, 4);
  await clock.advance(3_600_000);
  expect(told(hook)).toEqual([
    `firing page:firing in ${KEY}`,
    `firing page:firing ticket:firing in ${KEY}`,
    `firing page:resolved ticket:firing in ${KEY}`,
    `resolved ticket:resolved in ${KEY}`,
  ]);
});

test("a page that joins a ticket does not wait for the ticket's interval", async () => {
  const { alerting, source, clock, hook, told } = await setUp({
    routes: [{ matchers: ["severity=ticket"], group_wait: "30s", group_interval: "30m" }],
  });
  source.on = ["ticket"];
  await clock.advance(32_000);
  await delivered(alerting, 1);
  expect((hook.received[0]!.body as unknown as Body).groupLabels).toEqual({ alertname: "Burn" });
  source.on = ["page", "ticket"];
  await clock.advance(4_000);
  await delivered(alerting, 2);
  expect(told(hook)).toEqual([
    `firing ticket:firing in ${KEY}`,
    `firing page:firing ticket:firing in ${KEY}`,
  ]);
});

test("tickets keep their own route: its mute times, its repeats and its escalation", async () => {
  const { alerting, source, clock, hook, other, told } = await setUp(
    {
      escalation: { after: "5m", receiver: "other" },
      routes: [
        {
          matchers: ["severity=ticket"],
          mute_time_intervals: ["night"],
          repeat_interval: "3d",
        },
      ],
    },
    {
      extra: {
        time_intervals: [
          { name: "night", time_intervals: [{ times: [{ start_time: "14:00", end_time: "14:10" }] }] },
        ],
      },
    },
  );
  source.on = ["page", "ticket"];
  await clock.advance(6 * 60_000);
  await delivered(alerting, 2);
  expect(told(hook)).toEqual([`firing page:firing in ${KEY}`]);
  expect(told(other)).toEqual([`firing page:firing in ${KEY}`]);
  await clock.advance(6 * 60_000);
  await delivered(alerting, 4);
  expect(told(hook)[1]).toBe(`firing page:firing ticket:firing in ${KEY}`);
  source.on = ["ticket"];
  await clock.advance(2 * 60_000);
  await delivered(alerting, 6);
  await clock.advance(24 * 3_600_000);
  // The page would have been repeated after an hour; a ticket alone is not.
  expect(told(hook)).toHaveLength(3);
});

test("a restart neither tells anew nor forgets whose incident it is", async () => {
  const first = await setUp({});
  first.source.on = ["page", "ticket"];
  await first.clock.advance(4_000);
  await delivered(first.alerting, 1);
  await first.alerting.close();
  const second = await setUp({}, { journal: first.journal, clock: first.clock, source: first.source });
  await second.clock.advance(200_000);
  expect(second.hook.received).toHaveLength(0);
  second.source.on = [];
  await second.clock.advance(62_000);
  await delivered(second.alerting, 1);
  expect(second.told(second.hook)).toEqual([`resolved page:resolved ticket:resolved in ${KEY}`]);
});

test("where the ticket goes to another receiver, each receiver has what is its", async () => {
  const { alerting, source, clock, hook, other, told } = await setUp({
    routes: [{ matchers: ["severity=ticket"], receiver: "other" }],
  });
  source.on = ["page", "ticket"];
  await clock.advance(4_000);
  await delivered(alerting, 2);
  expect(told(hook)).toEqual([`firing page:firing in ${KEY}`]);
  expect(told(other)).toEqual([
    'firing ticket:firing in {}/{severity="ticket"}:{alertname="Burn", severity="ticket"}',
  ]);
});

test("with group_incidents: false, group_by alone decides", async () => {
  const { alerting, source, clock, hook, told } = await setUp({}, { extra: { group_incidents: false } });
  source.on = ["page", "ticket"];
  await clock.advance(4_000);
  await delivered(alerting, 2);
  expect(told(hook).sort()).toEqual([
    `firing page:firing in ${KEY}`,
    'firing ticket:firing in {}:{alertname="Burn", severity="ticket"}',
  ]);
});
