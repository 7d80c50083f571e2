import { parse } from "@tocsin/promql";
import { expect, test } from "vitest";
import { readRuleFile } from "../rule-file.js";
import { lintRule } from "./rule-lint.js";

const DAY = 86_400_000;

function lint(
  expr: string,
  more: { annotations?: Record<string, string>; labels?: Record<string, string>; forMs?: number } = {},
) {
  const { annotations = {}, labels = {}, forMs = 0 } = more;
  return lintRule({
    kind: "alert",
    expression: parse(expr),
    forMs,
    labels,
    templates: { labels, annotations },
    retentionMs: 30 * DAY,
  }).map(({ problem }) => `${problem.message}${problem.hint === undefined ? "" : ` ${problem.hint}`}`);
}

test.each([
  ["x > 5 < 3", "what is compared is over 5, which is never < 3."],
  ["x >= 5 < 5", "what is compared is at least 5, which is never < 5."],
  ["(x > 5) == 5", "what is compared is over 5, which is never == 5."],
  ["5 < x < 5", "what is compared is over 5, which is never < 5."],
  ["vector(0) > 1", "what is compared is always 0, which is never > 1."],
  ["vector(60 * 5) != 300", "what is compared is always 300, which is never != 300."],
  ["1 > x > 1", "what is compared is below 1, which is never > 1."],
  [
    "count(up) == 0",
    "what is compared is at least 1, which is never == 0. A count of nothing is nothing, not 0: use absent(…), or add `or vector(0)`.",
  ],
  ["count by (job) (up) - 1 < 0", "what is compared is at least 0, which is never < 0."],
  ["absent(up) == 0", "what is compared is always 1, which is never == 0."],
  ["abs(x) < 0", "what is compared is at least 0, which is never < 0."],
  ["clamp_max(x, 1) > 1", "what is compared is at most 1, which is never > 1."],
  ["hour() > 23", "what is compared is at least 0 and at most 23, which is never > 23."],
  ["(x > bool 1) > 1", "what is compared is at least 0 and at most 1, which is never > 1."],
  ["sum(count_over_time(x[5m])) < 1", "what is compared is at least 1, which is never < 1."],
  ["rate(x[5m]) > 1 and (y < 0 > 3)", "what is compared is below 0, which is never > 3."],
  ["max by (job) (x > 2 < 1)", "what is compared is over 2, which is never < 1."],
  ['up{job="a",job="b"}', 'no series has job="a" and job="b".'],
  ['up{job="a",job=~"b.*"}', 'no series has job="a" and job=~"b.*".'],
  [
    'up{job="a"} and on (job) up{job="b"} == 0',
    'the two sides never have the same job: on the left there is "a", on the right "b". Keep the label on both sides, or match with other labels in on(…).',
  ],
  [
    'rate(x{instance="a"}[5m]) / sum(rate(y[5m])) > 1',
    'the two sides never have the same instance: on the left there is "a", on the right never one. Keep the label on both sides, or match with ignoring(instance) or on(…).',
  ],
  [
    'sum by (job) (x) / on (job, instance) y{instance=~".+"} > 1',
    "the two sides never have the same instance: on the left there is never one, on the right always one. Keep the label on both sides, or match with other labels in on(…).",
  ],
])("%s can never fire", (expr, why) => {
  expect(lint(expr)).toEqual([`this alert can never fire: ${why}`]);
});

test.each([
  "x > 3 < 5",
  "x >= 5 <= 5",
  "x == 5 != 6",
  "absent(up)",
  "absent(up > 5 < 3)",
  "vector(1)",
  "count(up == 0) > 0",
  "count(up) or vector(0) == 0",
  "(count(up) or vector(0)) == 0",
  "count(up) < 2",
  "x > 5 < 3 or y",
  "x > bool 5 < bool 3",
  "sum(x > bool 1) == 0",
  "vector(scalar(absent(up))) != 1",
  "up unless (x > 5 < 3)",
  "sum(x) < 0",
  "rate(x[5m]) < 0",
  "quantile(0.9, clamp_min(x, 0)) < 0",
  "-abs(x) < 0",
  "-abs(x) * 2 < -4",
  "clamp(x, 0, 1) >= 1",
  "clamp(x, 1, 0) > 5",
  "vector(time()) > 1",
  "0 * x == 0",
  "x * 0 > 1",
  'up{job="a"} and on () up{job="b"} == 0',
  'up{job="a"} and ignoring (job) up{job="b"} == 0',
  'up{job="a"} or up{job="b"}',
  'rate(x{instance="a"}[5m]) / ignoring (instance) group_left sum(rate(y[5m])) > 1',
  'label_replace(up{job="a"}, "job", "b", "", "") and on (job) up{job="b"}',
  'sum by (job) (x{job="a"}) / on (job) group_right y{instance="i"}',
  'up{job="a",job=~"a|b"}',
  'up{job!="",job!="a"}',
])("%s may fire", (expr) => {
  expect(lint(expr)).toEqual([]);
});

const instance = { annotations: { summary: "{{ $labels.instance }} is down" } };
const WRITES_NOTHING = 'the expression has no label "instance", so nothing is written here.';

test.each([
  ["sum by (job) (up) == 0", "It has: job."],
  ["sum(up) == 0", "It has no labels at all."],
  ["sum without (instance) (up) == 0", "It is aggregated away, or matched without it."],
  ["avg by (job) (up) / on (job) group_left () avg by (job, pod) (x) > 1", "It has: job."],
  ["a / on (job) b > 1", "It has: job."],
  ["a / ignoring (instance) b > 1", "It is aggregated away, or matched without it."],
  ["rate(a[5m]) / sum by (job) (b) > 1", "It has: job."],
  ['absent(up{job="a",env=~"b"})', "It has: job."],
  ["vector(1)", "It has no labels at all."],
  ['up{instance=""}', "It is aggregated away, or matched without it."],
  ["histogram_quantile(0.9, sum by (job, le) (rate(x[5m]))) > 1", "It has: job."],
  ["sum by (job) (a) or sum by (pod) (b)", "It has: job, pod."],
])("an annotation of %s cannot name the instance", (expr, hint) => {
  expect(lint(expr, instance)).toEqual([`${WRITES_NOTHING} ${hint}`]);
});

test.each([
  "up == 0",
  "topk(3, sum by (instance) (x))",
  "sum by (job, instance) (up) == 0",
  "sum by (job) (a) * on (job) group_right () b > 1",
  "sum by (job) (a) * on (job) group_left (instance) b > 1",
  "up and on (job) sum by (job) (x)",
  'label_replace(sum(up), "instance", "a", "", "")',
  'count_values("instance", x)',
  'absent(up{instance="a"})',
  "sum by (job) (a) or b",
  "info(sum by (job) (a))",
  "sort_desc(rate(x[5m]))",
])("an annotation of %s may name the instance", (expr) => {
  expect(lint(expr, instance)).toEqual([]);
});

test.each([
  ["{{ .Labels.instance }}", 1],
  ['{{ index $labels "instance" }}', 1],
  ["{{ $labels.instance | toUpper }}", 1],
  ['{{ printf "%s" $labels.instance }}', 1],
  ["{{ if $value }}{{ $labels.instance }}{{ end }}", 1],
  ["{{ range query `up` }}{{ .Labels.instance }}{{ end }}", 0],
  ["{{ with $labels.instance }}on {{ . }}{{ end }}", 0],
  ["{{ if $labels.instance }}on {{ $labels.instance }}{{ end }}", 0],
  ["{{ or $labels.instance $labels.job }}", 0],
  ["{{ $labels := .ExternalLabels }}{{ $labels.instance }}", 0],
  ["{{ $externalLabels.instance }} {{ $labels.job }} {{ $labels.alertname }}", 0],
])("the template %s names it %i times", (summary, count) => {
  expect(lint("sum by (job) (up) == 0", { annotations: { summary } })).toHaveLength(count);
});

test("a label of the rule is not one of the expression", () => {
  const rule = { labels: { severity: "page" }, annotations: { summary: "{{ $labels.severity }}" } };
  expect(lint("sum by (job) (up) == 0", rule)).toEqual([
    'the expression has no label "severity", so nothing is written here. Templates see the labels of the expression, not those of the rule.',
  ]);
});

test.each([
  [
    "rate(x[31d]) > 1",
    0,
    [
      "this reaches 31d back, and samples are kept for 30d. Lengthen retention.metrics, or record what is needed.",
    ],
  ],
  [
    "x offset 5w > 1",
    0,
    [
      "this reaches 5w back, and samples are kept for 30d. Lengthen retention.metrics, or record what is needed.",
    ],
  ],
  [
    "max_over_time(rate(x[1d])[30d:1h]) > 1",
    0,
    [
      "this reaches 31d back, and samples are kept for 30d. Lengthen retention.metrics, or record what is needed.",
    ],
  ],
  ["rate(x[30d]) > 1", 0, []],
  ["rate(x[31d] @ 0) > 1", 0, []],
  [
    "x > 1",
    31 * DAY,
    ["this waits for 31d, and samples are kept for 30d: when it fires, nobody can look at why."],
  ],
])("%s for %i ms against what is kept", (expr, forMs, want) => {
  expect(lint(expr, { forMs })).toEqual(want);
});

test("warnings stand at the very place, and the rules load all the same", () => {
  const text = `groups:
  - name: g
    rules:
      - alert: A
        expr: count(up) == 0
        annotations:
          summary: all of {{ $labels.job }} are down
      - alert: B
        expr: sum(up) == 0
        annotations:
          summary: all of {{ $labels.job }} are down
`;
  const { groups, problems } = readRuleFile({ file: "r.yml", text });
  expect(groups[0]?.rules).toHaveLength(2);
  expect(
    problems.map(({ line, column, length, severity, code }) => [line, column, length, severity, code]),
  ).toEqual([
    [5, 15, 14, "warning", "alert/never-fires"],
    [11, 30, 1, "warning", "template/no-such-label"],
  ]);
});
