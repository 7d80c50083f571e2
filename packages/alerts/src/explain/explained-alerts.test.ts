import { expect, test } from "vitest";
import { keepEvidence } from "./explained-alerts.js";

const DAY = 86_400_000;
const record = (id: string, atMs: number) => ({ kind: "alert.evidence", atMs, alert: { id } });

test("the last record of each alert is kept, for 90 days and of the last thousand", () => {
  const now = 100 * DAY;
  const old = record("old", 9 * DAY);
  const again = [record("a", 20 * DAY), record("b", 30 * DAY), record("a", 40 * DAY)];
  expect(keepEvidence([old, ...again, { kind: "alert.evidence", atMs: now }], now)).toEqual([
    again[1],
    again[2],
  ]);
  const many = Array.from({ length: 1_200 }, (_, index) => record(`many-${index}`, 50 * DAY));
  expect(keepEvidence([...again, ...many], now)).toEqual(many.slice(200));
});
