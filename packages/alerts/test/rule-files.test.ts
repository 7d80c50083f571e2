import { formatProblemLine } from "@tocsin/model/config";
import { describe, expect, test } from "vitest";
import { readRuleFile } from "../src/index.js";
import { conformanceFiles } from "./conformance.js";

describe.each(conformanceFiles("awesome-rules"))("$file", ({ file, text }) => {
  test("loads unchanged", () => {
    const { groups, problems } = readRuleFile({ file, text });
    expect(problems.filter(({ severity }) => severity === "error").map(formatProblemLine)).toEqual([]);
    expect(groups.flatMap(({ rules }) => rules).length).toBe(
      (text.match(/^\s*- (?:alert|record):/gm) ?? []).length,
    );
  });
});

/** Rules that their authors wrote and that can never fire: `ignoring` on one side only, a count that is to be 0. */
const NEVER: Readonly<Record<string, number>> = {
  "grafana-mimir--embedded-exporter.yml": 5,
  "mongodb--percona-mongodb-exporter.yml": 1,
  "traefik--embedded-exporter-v2.yml": 1,
};

test.each(conformanceFiles("awesome-rules"))(
  "$file: only what can never fire is said to",
  ({ file, text }) => {
    const { problems } = readRuleFile({ file, text });
    const never = problems.filter(({ code }) => code === "alert/never-fires");
    expect(never).toHaveLength(NEVER[file] ?? 0);
  },
);

test("every field of a group and its rules is read", () => {
  const text = `groups:
  - name: g
    interval: 15s
    query_offset: 1m
    limit: 10
    labels: { team: shop, severity: ticket }
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        for: 5m
        keep_firing_for: 2m
        labels: { severity: page, priority: 1 }
        annotations: { summary: "{{ $labels.job }} is down" }
        actions: [restart]
        on_no_data: alert
`;
  const { groups, problems } = readRuleFile({ file: "r.yml", text });
  expect(problems).toEqual([]);
  expect(groups).toMatchObject([
    {
      name: "g",
      intervalMs: 15_000,
      queryOffsetMs: 60_000,
      limit: 10,
      rules: [
        { kind: "record", name: "job:up:sum", labels: { team: "shop", severity: "ticket" } },
        {
          kind: "alert",
          name: "Down",
          forMs: 300_000,
          keepFiringForMs: 120_000,
          labels: { team: "shop", severity: "page", priority: "1" },
          actions: ["restart"],
          onNoData: "alert",
          place: "r.yml:10",
        },
      ],
    },
  ]);
});

const rule = (body: string): string => `groups:\n  - name: g\n    rules:\n      - ${body}\n`;

test.each([
  ["a fault in PromQL", rule("{alert: A, expr: 'sum(rate(x[5m))'}"), /^r\.yml:4:\d+ /],
  [
    "a range vector",
    rule("{alert: A, expr: 'x[5m]'}"),
    "r.yml:4:26 this expression gives a range vector; a rule needs an instant vector or a scalar.",
  ],
  [
    "an unknown key",
    rule("{alert: A, expr: x, fro: 5m}"),
    'r.yml:4:29 groups[0].rules[0]: unknown key "fro". Did you mean "for"?',
  ],
  [
    "alert and record at once",
    rule("{alert: A, record: a, expr: x}"),
    "r.yml:4:9 a rule has exactly one of alert and record.",
  ],
  ["no expression", rule("{alert: A}"), "r.yml:4:9 a rule needs expr, or signal with what belongs to it."],
  [
    "annotations of a recording rule",
    rule("{record: a, expr: x, annotations: {s: t}}"),
    "r.yml:4:43 a recording rule has no annotations; that belongs to alerts.",
  ],
  [
    "a template with a fault",
    rule("{alert: A, expr: x, annotations: {s: 'hot {{ $valeu }}'}}"),
    /^r\.yml:4:5\d the template has a fault: undefined variable "\$valeu"\.$/,
  ],
  [
    "a duplicate group",
    "groups: [{name: g}, {name: g}]\n",
    'r.yml:1:28 the group "g" is defined twice in this file.',
  ],
  [
    "a short rule without a service",
    rule("{alert: A, signal: errors, over: 5%}"),
    "r.yml:4:28 signal needs service: whose signal is it?",
  ],
  [
    "a short rule with a quantile that nobody computes",
    rule("{alert: A, signal: latency, service: cart, over: 1s, quantile: 0.9}"),
    "r.yml:4:72 the latency of services is known at the quantiles 0.5, 0.95, 0.99, not at 0.9.",
  ],
])("%s is said with its place", (_, text, want) => {
  const { groups, problems } = readRuleFile({ file: "r.yml", text });
  expect(groups).toEqual([]);
  expect(problems.map(formatProblemLine).join("\n")).toMatch(want);
});

test.each([
  [
    "signal: errors, over: 5%",
    'sum by (service) (rate(tocsin_service_errors_total{service="cart"}[5m])) / sum by (service) (rate(tocsin_service_requests_total{service="cart"}[5m])) > 0.05',
  ],
  [
    "signal: latency, over: 300ms, quantile: 0.99, window: 10m",
    'max by (service) (avg_over_time(tocsin_service_latency_seconds{service="cart", quantile="0.99"}[10m])) > 0.3',
  ],
  [
    "signal: traffic, under: 1",
    'sum by (service) (rate(tocsin_service_requests_total{service="cart"}[5m])) < 1',
  ],
  [
    "signal: saturation, over: 90%, environment: prod",
    'max by (service) (max_over_time(tocsin_service_saturation_ratio{service="cart", environment="prod"}[5m])) > 0.9',
  ],
])("the short rule %s is PromQL", (fields, want) => {
  const { groups, problems } = readRuleFile({
    file: "r.yml",
    text: rule(`{alert: A, service: cart, ${fields}}`),
  });
  expect(problems).toEqual([]);
  expect(groups[0]!.rules[0]!.expr).toBe(want);
});
