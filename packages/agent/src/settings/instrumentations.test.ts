import { expect, test } from "vitest";
import { EnvReader } from "./env.js";
import { readInstrumentations } from "./instrumentations.js";

const ENABLED = "OTEL_NODE_ENABLED_INSTRUMENTATIONS";
const DISABLED = "OTEL_NODE_DISABLED_INSTRUMENTATIONS";
const NAMES = ["express", "http", "mysql", "pg"];

test.each([
  { env: {}, on: NAMES },
  { env: { [ENABLED]: "http,pg" }, on: ["http", "pg"] },
  { env: { [DISABLED]: "express, pg" }, on: ["http", "mysql"] },
  { env: { [ENABLED]: "http,pg", [DISABLED]: "pg" }, on: ["http"] },
  // What never is on and what always is need not be said, and is no fault.
  { env: { [DISABLED]: "fs,dns,net" }, on: NAMES },
  { env: { [ENABLED]: "http,connect,runtime-node" }, on: ["http"] },
])("$env: $on", ({ env, on }) => {
  const reader = new EnvReader(env);
  const isOn = readInstrumentations(reader);
  expect(NAMES.filter(isOn)).toEqual(on);
  expect(reader.faults).toEqual([]);
});

test.each([
  {
    env: { [ENABLED]: "dns" },
    fault: `${ENABLED} names "dns", which has no effect: no spans are made of look-ups.`,
  },
  {
    env: { [DISABLED]: "runtime-node" },
    fault: `${DISABLED} names "runtime-node", which has no effect: the runtime is always measured.`,
  },
])("$env is told", ({ env, fault }) => {
  const reader = new EnvReader(env);
  readInstrumentations(reader);
  expect(reader.faults).toEqual([fault]);
});

test("a name that nobody knows is told with those that are known", () => {
  const reader = new EnvReader({ [DISABLED]: "postgres" });
  readInstrumentations(reader);
  expect(reader.faults).toHaveLength(1);
  expect(reader.faults[0]).toMatch(
    /names "postgres"; known are amqplib, .*, pg, .*, winston\. It is left out\.$/,
  );
});
