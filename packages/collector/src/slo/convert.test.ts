import { expect, test } from "vitest";
import { stringify } from "yaml";
import { compileSlo } from "./compile.js";
import { SloConfig } from "./config.js";
import { toOpenSlo, toShortForm } from "./convert.js";
import { readSloDocuments } from "./documents/read-documents.js";

const BASE = { name: "shop-orders", service: "shop", objective: "99.95%" };

test.each([
  { name: "availability", sli: { type: "availability", routes: ["/pay"] } },
  { name: "latency", sli: { type: "latency", threshold: "300ms" } },
  { name: "ratio", sli: { type: "ratio", bad: "errors_total", total: "requests_total" }, window: "4w" },
  {
    name: "threshold",
    sli: { type: "threshold", query: "age", op: "lt", value: 3 },
    window: { calendar: "month", time_zone: "Europe/Berlin" },
  },
  {
    name: "error ratio",
    sli: { type: "error_ratio", query: "x" },
    budgeting: { method: "ratio_timeslices", slice: "5m" },
  },
  { name: "saturation", sli: { type: "saturation", below: "80%" }, by: [] },
  { name: "freshness", sli: { type: "freshness", max_age: "10m" } },
])("$name comes back the same from the short form", ({ name: _, ...options }) => {
  const spec = compileSlo(SloConfig.parse({ ...BASE, ...options }));
  expect(compileSlo(SloConfig.parse(toShortForm(spec)))).toEqual(spec);
});

test.each([
  {
    sli: { type: "ratio", good: "ok_total", total: "requests_total" },
    budgeting: { method: "timeslices", target: 0.9 },
  },
  {
    sli: { type: "threshold", query: "age", op: "lt", value: 3 },
    window: { calendar: "quarter", time_zone: "UTC" },
  },
  { sli: { type: "error_ratio", query: "x" } },
])("an OpenSLO document means the same when it is read back: $sli.type", (options) => {
  const spec = compileSlo(SloConfig.parse({ ...BASE, ...options }));
  const { specs, problems } = readSloDocuments([{ file: "slo.yaml", text: stringify(toOpenSlo(spec)) }]);
  expect(problems).toEqual([]);
  const { name, service, objective, period, sli, budgeting, pairs } = spec;
  expect(specs[0]).toMatchObject({ name, service, objective, period, sli, budgeting });
  expect(specs[0]!.pairs.map(({ longMs, burnRate }) => [longMs, burnRate.toFixed(9)])).toEqual(
    pairs.map(({ longMs, burnRate }) => [longMs, burnRate.toFixed(9)]),
  );
});

test("an SLO of Sloth becomes one of ours with its queries and thresholds", () => {
  const text =
    "version: prometheus/v1\nservice: shop\nslos:\n  - name: a\n    objective: 99.9\n    sli: { events: { error_query: 'e[{{.window}}]', total_query: 't[{{.window}}]' } }\n";
  const [spec] = readSloDocuments([{ file: "sloth.yaml", text }]).specs;
  expect(toShortForm(spec!)).toMatchObject({
    name: "a",
    service: "shop",
    objective: "99.9%",
    window: "30d",
    sli: { type: "ratio", bad: "e[$window]", total: "t[$window]" },
    alerting: {
      pairs: [{ severity: "page", short: "5m", long: "1h", burn_rate: 14.4 }, {}, {}, { burn_rate: 1 }],
    },
  });
});
