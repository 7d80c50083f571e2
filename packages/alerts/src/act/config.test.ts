import { expect, test } from "vitest";
import { actionsSchema, unknownActionNames } from "./config.js";
import { actionDefinitions } from "./index.js";

const schema = actionsSchema(actionDefinitions);
const webhook = { url: "http://127.0.0.1:8080/rollback" };

test("what is left out is careful: dry-run, half an hour of cooldown, one at once", () => {
  expect(schema.parse([{ name: "rollback", webhook }])).toMatchObject([
    {
      name: "rollback",
      mode: "dry-run",
      type: "webhook",
      settings: { url: webhook.url, method: "POST", repeatable: false },
      limits: { cooldownMs: 1_800_000, maxPerDay: 4, maxAtOnce: 1 },
      verify: { settleMs: 15_000, windowMs: 60_000, withinMs: 300_000, revert: "never" },
      timeoutMs: 10_000,
      approvalTimeoutMs: 1_800_000,
    },
  ]);
  expect(schema.parse(undefined)).toEqual([]);
});

test.each([
  {
    name: "no kind",
    written: [{ name: "a" }],
    want: "No action is named here; write exactly one of webhook",
  },
  { name: "an unknown key", written: [{ name: "a", webhok: webhook }], want: "webhok" },
  { name: "an address that is none", written: [{ name: "a", webhook: { url: "ftp://x" } }], want: "http://" },
  {
    name: "a name twice",
    written: [
      { name: "a", webhook },
      { name: "a", webhook },
    ],
    want: "The action a is defined twice.",
  },
  {
    name: "no time to measure",
    written: [{ name: "a", webhook, verify: { settle: "1m", window: "2m", within: "2m" } }],
    want: "within must be at least settle + window",
  },
])("refuses $name", ({ written, want }) => {
  const { error } = schema.safeParse(written);
  expect(error?.issues.map(({ message }) => message).join("\n")).toContain(want);
});

test("a name that no action has comes back with the one that was probably meant", () => {
  expect(unknownActionNames(["rolback", "rollback"], [{ name: "rollback" }])).toEqual([
    { name: "rolback", message: 'There is no action "rolback". Did you mean "rollback"?' },
  ]);
});
