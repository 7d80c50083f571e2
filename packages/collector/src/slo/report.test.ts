import { expect, test } from "vitest";
import { reportMarkdown, reportRows } from "./report.js";

const SLO = {
  name: "checkout-availability",
  service: "checkout",
  objective: 0.999,
  months: [
    { month: "2026-09", bad: 2_000, total: 1_000_000 },
    { month: "2026-10", bad: 500, total: 1_000_000 },
  ],
};

test("a report tells of each month what was promised, achieved and spent", () => {
  expect(reportMarkdown(reportRows(SLO))).toBe(`# SLO report

| Month | SLO | Service | Objective | Achieved | Good events | Budget spent | Promise |
| --- | --- | --- | ---: | ---: | ---: | ---: | --- |
| 2026-10 | checkout-availability | checkout | 99.9 % | 99.95 % | 999,500 of 1,000,000 | 50 % | kept |
| 2026-09 | checkout-availability | checkout | 99.9 % | 99.8 % | 998,000 of 1,000,000 | 200 % | missed |
`);
});

test("a month without events is no data, not kept", () => {
  expect(reportRows(SLO, "2026-08")).toMatchObject([
    { month: "2026-08", sliRatio: null, verdict: "no data" },
  ]);
});
