import { expect, test } from "vitest";
import { compileSlo } from "./compile.js";
import { SloConfig } from "./config.js";
import { SloLedger } from "./ledger.js";
import { reportMarkdown, reportRows } from "./report.js";

const SLO = {
  name: "checkout-availability",
  group: {},
  service: "checkout",
  objective: 0.999,
  months: [
    { month: "2026-09", bad: 2_000, total: 1_000_000 },
    { month: "2026-10", bad: 500, total: 1_000_000 },
  ],
};

test("a report tells of each month what was promised, achieved and spent", () => {
  expect(reportMarkdown(reportRows(SLO))).toBe(`# SLO report

| Period | SLO | Service | Objective | Achieved | Good events | Budget spent | Promise |
| --- | --- | --- | ---: | ---: | ---: | ---: | --- |
| 2026-10 | checkout-availability | checkout | 99.9 % | 99.95 % | 999,500 of 1,000,000 | 50 % | kept |
| 2026-09 | checkout-availability | checkout | 99.9 % | 99.8 % | 998,000 of 1,000,000 | 200 % | missed |
`);
});

test("a month without events is no data, not kept", () => {
  expect(reportRows(SLO, { only: "2026-08" })).toMatchObject([
    { period: "2026-08", sliRatio: null, verdict: "no data" },
  ]);
});

test.each([
  [
    "quarter",
    [
      ["2026-Q4", 500, 1_000_000],
      ["2026-Q3", 2_000, 1_000_000],
    ],
  ],
  ["year", [["2026", 2_500, 2_000_000]]],
] as const)("months add up to a %s", (by, want) => {
  expect(reportRows(SLO, { by }).map(({ period, good, total }) => [period, total - good, total])).toEqual(
    want,
  );
});

test("groups of one SLO are told apart", () => {
  expect(reportMarkdown(reportRows({ ...SLO, group: { route: "GET /a|b" } }))).toContain(
    "| checkout-availability (route=GET /a\\|b) |",
  );
});

test("months begin by the clock of the SLO's own zone", () => {
  const at = Date.parse("2026-10-31T23:30:00Z") / 1_000;
  const monthsIn = (time_zone: string) => {
    const window = { calendar: "month", time_zone };
    const sli = { type: "availability" };
    const ledger = new SloLedger(
      compileSlo(SloConfig.parse({ name: "a", service: "b", objective: "99%", window, sli })),
    );
    ledger.record(at, 0, 1);
    return ledger.months().map(({ month }) => month);
  };
  expect([monthsIn("UTC"), monthsIn("Europe/Berlin")]).toEqual([["2026-10"], ["2026-11"]]);
});
