import { Secret } from "@tocsin/model/config";
import { expect, test } from "vitest";
import type { Notifier } from "../notify/notifier.js";
import { DEFAULT_GATE, DestinationGate } from "./destination-gate.js";
import { remoteOf } from "./remote.js";

test("a burst goes out at once, and then as many a second as the destination takes", () => {
  const gate = new DestinationGate({ ...DEFAULT_GATE, ratePerSecond: 2, burst: 3 });
  for (let count = 0; count < 3; count++) {
    expect(gate.waitMs(0)).toBe(0);
    gate.take(0);
  }
  expect(gate.waitMs(0)).toBe(500);
  expect(gate.waitMs(500)).toBe(0);
  gate.take(500);
  // Tokens are saved up to the burst, however long it was quiet; a clock that was set back adds none and takes none.
  expect(gate.waitMs(60_000)).toBe(0);
  expect(gate.waitMs(0)).toBe(0);
  for (let count = 0; count < 3; count++) gate.take(60_000);
  expect(gate.waitMs(60_000)).toBe(500);
});

test("the circuit opens after failures in a row, longer each time, and closes with the first success", () => {
  const gate = new DestinationGate({ ...DEFAULT_GATE, burst: 100, failureLimit: 2, openForMs: 1_000 });
  gate.failed(0, undefined);
  expect(gate.waitMs(0)).toBe(0);
  gate.failed(0, undefined);
  expect(gate.waitMs(0)).toBe(1_000);
  gate.failed(1_000, undefined);
  expect(gate.waitMs(1_000)).toBe(2_000);
  for (let count = 0; count < 20; count++) gate.failed(2_000, undefined);
  expect(gate.waitMs(2_000)).toBe(16_000);
  // A clock that is set back by hours does not make it hours.
  expect(gate.waitMs(2_000 - 7_200_000)).toBe(16_000);
  gate.succeeded();
  expect(gate.waitMs(2_000)).toBe(0);
});

test("a pause that was asked for is kept, also after a single failure", () => {
  const gate = new DestinationGate();
  gate.failed(0, 42_000);
  expect(gate.waitMs(0)).toBe(42_000);
});

test("several tries at once while it is well, one while it is not", () => {
  const gate = new DestinationGate({ ...DEFAULT_GATE, maxInFlight: 2 });
  gate.take(0);
  expect(gate.hasRoom).toBe(true);
  gate.take(0);
  expect(gate.hasRoom).toBe(false);
  gate.failed(0, undefined);
  gate.ended();
  expect(gate.hasRoom).toBe(false);
  gate.ended();
  expect(gate.hasRoom).toBe(true);
  gate.take(0);
  expect(gate.hasRoom).toBe(false);
  gate.succeeded();
  gate.ended();
  gate.take(0);
  expect(gate.hasRoom).toBe(true);
});

test("remote ends are told apart by where they are and in whose name, and by nothing else", () => {
  const notifier: Notifier = { destination: "discord", notify: async () => undefined };
  const gate = (config: object) => remoteOf(notifier, config).gate;
  const here = { webhook_url: new Secret("https://example.org/a"), content: "one" };
  expect(gate(here)).toBe(gate({ content: "two", webhook_url: new Secret("https://example.org/a") }));
  expect(gate(here)).not.toBe(gate({ ...here, webhook_url: new Secret("https://example.org/b") }));
  expect(gate({ url_file: "/a" })).not.toBe(gate({ url_file: "/b" }));
  expect(gate({ channel: "#a" })).not.toBe(gate({ channel: "#b" }));
  expect(gate({ http_config: { authorization: { credentials: new Secret("x") } } })).not.toBe(gate({}));
  expect(gate(here)).not.toContain("example.org");
});
