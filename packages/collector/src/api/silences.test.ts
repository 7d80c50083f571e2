import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AlertingConfig, createAlerting, MemoryJournal } from "@tocsin/alerts";
import { ManualClock } from "@tocsin/model/testing";
import express from "express";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silencesRoutes } from "./silences.js";

/** A Saturday. */
const NOON = Date.parse("2026-11-21T12:00:00Z");
let clock: ManualClock;
let url: string;
let close: () => Promise<void>;

beforeEach(async () => {
  clock = new ManualClock(NOON);
  const alerting = createAlerting({
    config: AlertingConfig.parse({ route: { receiver: "log" }, receivers: [{ name: "log" }] }),
    ruleSources: [],
    journal: new MemoryJournal(),
    externalUrl: "http://x",
    clock,
  });
  await alerting.start();
  alerting.receive(
    ["db", "cart"].map((service) => ({
      labels: { alertname: "Down", service },
      annotations: {},
      startsAtMs: undefined,
      endsAtMs: NOON + 3_600_000,
      generatorUrl: "",
    })),
  );
  const server = createServer(express().use("/api/v1", silencesRoutes({ alerting, clock })));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/silences`;
  close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await alerting.close();
  };
});
afterEach(() => close());

async function post(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test("a silence is made in words, warns before its end, is given another one, and is ended", async () => {
  const made = await post("", { matchers: ['service="db"'], for: "1h", by: "ana", comment: "moving" });
  expect(made).toMatchObject({
    status: 200,
    body: {
      state: "active",
      matchers: '{service="db"}',
      endsAt: "2026-11-21T13:00:00.000Z",
      recurs: null,
      createdBy: "ana",
      comment: "moving",
      mutes: 1,
      endsSoon: false,
    },
  });
  await clock.advance(50 * 60_000);
  const listed = async () => (await (await fetch(url)).json()) as object[];
  expect(await listed()).toMatchObject([{ id: made.body.id, mutes: 1, endsSoon: true }]);
  const longer = await post(`/${made.body.id}/extend`, { for: "2h" });
  expect(longer.body).toMatchObject({
    id: made.body.id,
    endsAt: "2026-11-21T14:50:00.000Z",
    endsSoon: false,
  });
  expect((await post(`/${made.body.id}/end`, {})).body).toMatchObject({ state: "expired", mutes: 0 });
  expect(await post(`/${made.body.id}/extend`, { for: "1h" })).toMatchObject({
    status: 400,
    body: { error: "This silence has ended. Make it anew." },
  });
});

test("one that recurs says when in words, and mutes nothing between", async () => {
  const { body } = await post("", {
    matchers: [{ name: "service", value: "db" }],
    endsAt: "2026-12-24T00:00:00Z",
    every: "sunday 02:00-04:00",
    zone: "Europe/Berlin",
    by: "ana",
    comment: "weekly",
  });
  expect(body).toMatchObject({ state: "pending", recurs: "sunday 02:00-04:00 Europe/Berlin", mutes: 0 });
});

const valid = { matchers: ["service=db"], for: "1h", by: "ana", comment: "why" };

test.each([
  [{ ...valid, for: undefined }, 'A silence needs an end: {"for": "2h"}'],
  [{ ...valid, for: "soon" }, '"soon" is not a length of time. Write for instance 30m, 2h or 1d.'],
  [{ ...valid, endsAt: "2026-12-24T00:00:00Z" }, "A silence needs an end"],
  [{ ...valid, comment: "" }, "A silence needs a comment that says why."],
  [{ ...valid, by: "" }, "A silence needs the name of who created it."],
  [{ ...valid, every: "sometimes" }, '"sometimes" does not say when to recur.'],
  [{ ...valid, matchers: ["service"] }, "In the matcher"],
  [{ ...valid, matchers: ['service=~".*"'] }, "it would mute everything"],
  [{ ...valid, who: "ana" }, "who"],
])("%j is refused", async (body, message) => {
  const answer = await post("", body);
  expect(answer.status).toBe(400);
  expect(answer.body.error).toContain(message);
});

test("a silence that is not there is said to be unknown", async () => {
  expect(await post("/gone/end", {})).toMatchObject({ status: 404 });
  expect(await post("/gone/extend", { for: "1h" })).toMatchObject({ status: 404 });
});
