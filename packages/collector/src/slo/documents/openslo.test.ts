import { formatProblemLine } from "@tocsin/model/config";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { readSloDocuments } from "./read-documents.js";

const query = (text: string) => ({ metricSource: { type: "Prometheus", spec: { query: text } } });
const named = (kind: string, name: string, spec: unknown) => ({
  apiVersion: "openslo/v1",
  kind,
  metadata: { name },
  spec,
});
const RATIO = { ratioMetric: { counter: true, good: query("ok_total"), total: query("all_total") } };

/** An SLO with some of its specification replaced. */
function slo(spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) {
  const whole = {
    service: "shop",
    indicator: { metadata: { name: "sli" }, spec: RATIO },
    timeWindow: [{ duration: "4w", isRolling: true }],
    budgetingMethod: "Occurrences",
    objectives: [{ target: 0.99 }],
    ...spec,
  };
  return { apiVersion: "openslo/v1", kind: "SLO", metadata: { name: "shop", ...metadata }, spec: whole };
}

function read(...documents: readonly unknown[]) {
  const text = documents.map((each) => stringify(each)).join("---\n");
  return readSloDocuments([{ file: "slo.yaml", text }]);
}

/** The one SLO of documents that have no fault. */
function one(...documents: readonly unknown[]) {
  const { specs, problems } = read(...documents);
  expect(problems).toEqual([]);
  expect(specs).toHaveLength(1);
  return specs[0]!;
}

const sliOf = (spec: unknown) => ({ indicator: { metadata: { name: "sli" }, spec } });
const threshold = { thresholdMetric: query("queue_age_seconds") };

test.each(["lt", "lte", "gt", "gte"] as const)(
  "a threshold metric is good while it is %s the value",
  (op) => {
    const { sli, objective } = one(
      slo({ ...sliOf(threshold), objectives: [{ op, value: 1.5, targetPercent: 99.95 }] }),
    );
    expect(sli).toEqual({ kind: "threshold", query: "queue_age_seconds", op, value: 1.5, everyMs: 60_000 });
    expect(objective).toBe(0.9995);
  },
);

test.each([
  [
    "good of a counter",
    { ratioMetric: { counter: true, good: query("g"), total: query("t") } },
    { form: "counter", good: "g", bad: undefined },
  ],
  [
    "bad of a counter",
    { ratioMetric: { counter: true, bad: query("b"), total: query("t") } },
    { form: "counter", good: undefined, bad: "b" },
  ],
  [
    "numbers that go up and down",
    { ratioMetric: { counter: false, good: query("g"), total: query("t") } },
    { form: "value" },
  ],
  [
    "a rate over the window",
    { ratioMetric: { good: query("rate(g[{{.window}}])"), total: query("rate(t[{{.window}}])") } },
    { form: "rate", good: "rate(g[$window])" },
  ],
  [
    "a stored success ratio",
    { ratioMetric: { rawType: "success", raw: query("r") } },
    { kind: "raw", query: "r", isErrorRatio: false },
  ],
  [
    "a stored failure ratio",
    { ratioMetric: { counter: true, rawType: "failure", raw: query("r") } },
    { kind: "raw", isErrorRatio: true },
  ],
])("an indicator may be %s", (_, spec, want) => {
  expect(one(slo(sliOf(spec))).sli).toMatchObject(want);
});

test.each([
  ["2w", { kind: "rolling", lengthMs: 14 * 86_400_000 }, undefined],
  ["1Q", { kind: "rolling", lengthMs: 90 * 86_400_000 }, undefined],
  ["12h", { kind: "calendar", unit: "hour", count: 12 }, "Asia/Kolkata"],
  ["1d", { kind: "calendar", unit: "day", count: 1 }, "America/New_York"],
  ["2w", { kind: "calendar", unit: "week", count: 2 }, "Europe/Berlin"],
  ["1M", { kind: "calendar", unit: "month", count: 1 }, "UTC"],
  ["2Q", { kind: "calendar", unit: "quarter", count: 2 }, "Asia/Kathmandu"],
  ["1Y", { kind: "calendar", unit: "year", count: 1 }, "Australia/Lord_Howe"],
])("the window %s is %o", (duration, want, timeZone) => {
  const calendar = { startTime: "2026-01-01 12:30:00", timeZone };
  const windows = timeZone
    ? [
        { duration, calendar },
        { duration, calendar, isRolling: false },
      ]
    : [{ duration, isRolling: true }];
  for (const window of windows) {
    const { period } = one(slo({ timeWindow: [window] }));
    expect(period).toMatchObject(timeZone ? { ...want, timeZone, anchor: { hour: 12, minute: 30 } } : want);
  }
});

test("without a time window the period is 30 days", () => {
  expect(one(slo({ timeWindow: undefined })).period).toEqual({ kind: "rolling", lengthMs: 30 * 86_400_000 });
});

test.each([
  [
    { budgetingMethod: "Timeslices" },
    { timeSliceTarget: 0.95, timeSliceWindow: "5m" },
    { kind: "timeslices", sliceMs: 300_000, target: 0.95 },
  ],
  [
    { budgetingMethod: "Timeslices" },
    { timeSliceTarget: 1, timeSliceWindow: 0.5 },
    { kind: "timeslices", sliceMs: 30_000, target: 1 },
  ],
  [
    { budgetingMethod: "RatioTimeslices" },
    { timeSliceWindow: 10 },
    { kind: "ratio-timeslices", sliceMs: 600_000 },
  ],
  [
    { budgetingMethod: "RatioTimeslices" },
    { timeSliceWindow: "1h" },
    { kind: "ratio-timeslices", sliceMs: 3_600_000 },
  ],
])("budgeting %o with %o", (method, objective, want) => {
  expect(one(slo({ ...method, objectives: [{ target: 0.99, ...objective }] })).budgeting).toEqual(want);
});

test.each([
  [{ target: 0 }, 0],
  [{ target: 0.999_999 }, 0.999_999],
  [{ targetPercent: 99.95 }, 0.9995],
  [{ targetPercent: 1e-7 }, 1e-9],
])("the target of %o is %s", (objective, want) => {
  expect(one(slo({ objectives: [objective] })).objective).toBe(want);
});

describe("metadata", () => {
  test("labels and annotations go to the alerts; several values of a label are joined", () => {
    const { labels, annotations } = one(
      slo(
        {},
        {
          displayName: "Shop",
          labels: { team: "identity", tags: ["auth", "login"], "cost-centre": "p1", userImpacting: true },
          annotations: { runbook: "https://example.com/r", "openslo.com/internal": "x" },
        },
      ),
    );
    expect(labels).toEqual({
      team: "identity",
      tags: "auth,login",
      cost_centre: "p1",
      userImpacting: "true",
    });
    expect(annotations).toEqual({ runbook: "https://example.com/r" });
  });

  test("keys without a value mean the same as leaving them out", () => {
    const { pairs } = one(
      slo({ description: null, alertPolicies: null, indicatorRef: null }, { labels: null }),
    );
    expect(pairs).toHaveLength(4);
  });
});

const CONDITION = {
  severity: "page",
  condition: { kind: "burnrate", threshold: 10, lookbackWindow: "1h", alertAfter: "5m" },
};
const inline = (kind: string, name: string, spec: unknown) => ({ kind, metadata: { name }, spec });

describe("alert policies", () => {
  const TARGET = named("AlertNotificationTarget", "on-call", { target: "slack", description: "The team" });
  const policy = (more: Record<string, unknown> = {}) => ({
    alertWhenBreaching: true,
    conditions: [{ conditionRef: "fast" }],
    notificationTargets: [{ targetRef: "on-call" }],
    ...more,
  });
  const want = {
    pairs: [{ severity: "page", longMs: 3_600_000, shortMs: 300_000, burnRate: 10 }],
    forMs: 300_000,
    severityLabels: { page: { notification_targets: "on-call" }, ticket: {} },
    disabled: [],
  };

  test.each([
    [
      "by reference, in any order",
      [
        slo({ alertPolicies: [{ alertPolicyRef: "wake" }] }),
        TARGET,
        named("AlertPolicy", "wake", policy()),
        named("AlertCondition", "fast", CONDITION),
      ],
    ],
    [
      "by a bare name",
      [
        named("AlertCondition", "fast", CONDITION),
        named("AlertPolicy", "wake", policy()),
        TARGET,
        slo({ alertPolicies: ["wake"] }),
      ],
    ],
    [
      "inline all the way down",
      [
        slo({
          alertPolicies: [
            inline(
              "AlertPolicy",
              "wake",
              policy({
                conditions: [inline("AlertCondition", "fast", CONDITION)],
                notificationTargets: [inline("AlertNotificationTarget", "on-call", { target: "slack" })],
              }),
            ),
          ],
        }),
      ],
    ],
  ])("%s", (_, documents) => {
    expect(one(...documents)).toMatchObject(want);
  });

  test.each([
    ["gt", []],
    ["gte", []],
    ["lt", ["slo/condition-op"]],
  ])("a condition with op %s", (op, codes) => {
    const condition = { ...CONDITION, condition: { ...CONDITION.condition, op } };
    const { problems } = read(
      slo({
        alertPolicies: [
          inline(
            "AlertPolicy",
            "p",
            policy({ conditions: [inline("AlertCondition", "c", condition)], notificationTargets: [] }),
          ),
        ],
      }),
    );
    expect(problems.map(({ code }) => code)).toEqual(codes);
  });

  test.each([
    ["sev1", "page"],
    ["P0", "page"],
    ["Critical", "page"],
    ["warning", "ticket"],
    ["sev3", "ticket"],
  ])("the severity %s is a %s, and alerts carry the word", (severity, own) => {
    const spec = one(
      slo({
        alertPolicies: [
          inline(
            "AlertPolicy",
            "p",
            policy({
              conditions: [inline("AlertCondition", "c", { ...CONDITION, severity })],
              notificationTargets: [],
            }),
          ),
        ],
      }),
    );
    expect(spec.pairs[0]?.severity).toBe(own);
    expect(spec.severityLabels[own as "page"]).toEqual({ severity });
  });

  test("policies that alert on nothing leave the SLO without alerts", () => {
    const silent = inline(
      "AlertPolicy",
      "p",
      policy({
        alertWhenBreaching: false,
        alertWhenResolved: true,
        conditions: [inline("AlertCondition", "c", CONDITION)],
        notificationTargets: [],
      }),
    );
    expect(one(slo({ alertPolicies: [silent] })).disabled).toEqual(["page", "ticket"]);
  });

  test("what no file defines lives elsewhere: a warning, and the default pairs", () => {
    const { specs, problems } = read(slo({ alertPolicies: [{ alertPolicyRef: "wake" }] }));
    expect(problems.map(formatProblemLine)).toEqual([
      'slo.yaml:30:7 The AlertPolicy "wake" is in none of these files, so the default pairs are used. Read the file that defines it together with this one.',
    ]);
    expect(problems[0]?.severity).toBe("warning");
    expect(specs[0]).toMatchObject({ disabled: [], pairs: { length: 4 } });
  });

  test("beside others of its kind a name that leads nowhere is a fault", () => {
    const { problems } = read(
      slo({ alertPolicies: ["wakee"] }),
      named("AlertPolicy", "wake", policy({ conditions: [inline("AlertCondition", "c", CONDITION)] })),
      TARGET,
    );
    expect(problems.map(({ severity, message, hint }) => [severity, message, hint])).toEqual([
      ["error", 'There is no AlertPolicy "wakee" in these files.', 'Did you mean "wake"?'],
    ]);
  });
});

describe("data sources", () => {
  const source = (type: string) => named("DataSource", "prom", { type });

  test.each([
    "Prometheus",
    "prometheus",
    "AmazonPrometheus",
    "Google Managed Prometheus",
    "thanos",
    "Grafana Mimir",
  ])("%s is read with PromQL", (type) => {
    const metric = { metricSource: { metricSourceRef: "prom", spec: { query: "r" } } };
    expect(one(source(type), slo(sliOf({ ratioMetric: { rawType: "failure", raw: metric } }))).sli.kind).toBe(
      "raw",
    );
  });

  test.each([
    ["another kind of source", { type: "Datadog", spec: { query: "sum:x{*}" } }, "Datadog"],
    ["fields of any form", { type: "Redshift", spec: { region: "eu", query: { deep: [1] } } }, "Redshift"],
    ["no fields at all", { type: "Custom" }, "Custom"],
  ])("%s is accepted, and said to have no data", (_, metricSource, type) => {
    const { specs, problems } = read(
      slo(sliOf({ ratioMetric: { rawType: "failure", raw: { metricSource } } })),
    );
    expect(specs[0]?.sli.kind).toBe("unreadable");
    expect(problems.map(({ severity, message }) => [severity, message])).toEqual([
      ["warning", `Metrics of the type "${type}" cannot be read here, so the SLO has no data.`],
    ]);
  });
});

test("every kind may stand in any order, in one file or in several", () => {
  const documents = [
    slo({ indicator: undefined, indicatorRef: "sli", alertPolicies: ["wake"] }),
    named("AlertPolicy", "wake", { alertWhenBreaching: true, conditions: [{ conditionRef: "fast" }] }),
    named("AlertCondition", "fast", CONDITION),
    named("SLI", "sli", {
      description: "Answers",
      ratioMetric: {
        good: { metricSource: { metricSourceRef: "prom", spec: { query: "g" } } },
        total: { metricSource: { metricSourceRef: "prom", spec: { query: "t" } } },
      },
    }),
    named("DataSource", "prom", {
      description: "Ours",
      type: "Prometheus",
      connectionDetails: { url: "x", nested: [{ a: 1 }] },
    }),
    named("Service", "shop", { description: "The shop" }),
    { apiVersion: "openslo/v1", kind: "Service", metadata: { name: "bare" } },
  ];
  const together = one(...documents);
  const sources = [...documents]
    .reverse()
    .map((each, index) => ({ file: `${index}.yaml`, text: stringify(each) }));
  const { specs, problems } = readSloDocuments(sources);
  expect(problems).toEqual([]);
  expect({ ...specs[0], place: undefined }).toEqual({ ...together, place: undefined });
});

test("files that use the same names mean their own things by them", () => {
  const file = (threshold: number) =>
    [
      slo({ ...sliRef(), objectives: [{ target: 0.9 }, { target: 0.99 }] }),
      named("SLI", "sli", { ratioMetric: { rawType: "failure", raw: query(`r${threshold}`) } }),
    ]
      .map((each) => stringify(each))
      .join("---\n");
  const { specs, problems } = readSloDocuments([
    { file: "a.yaml", text: file(1) },
    { file: "b.yaml", text: file(2) },
  ]);
  expect(problems).toEqual([]);
  expect(specs.map(({ sli }) => sli.kind === "raw" && sli.query)).toEqual(["r1", "r1", "r2", "r2"]);
});

const sliRef = () => ({ indicator: undefined, indicatorRef: "sli" });

test("the same thing defined twice in one file is a fault", () => {
  expect(read(slo(), slo()).problems.map(formatProblemLine)).toEqual([
    'slo.yaml:33:9 The SLO "shop" is defined twice.',
  ]);
});

describe("several objectives", () => {
  test("are SLOs of their own, with names that differ even where their titles do not", () => {
    const objectives = [
      { displayName: "Good", target: 0.9 },
      { displayName: "Good!", target: 0.99 },
      { target: 0.999 },
    ];
    expect(read(slo({ objectives })).specs.map(({ name, objective }) => [name, objective])).toEqual([
      ["shop-good", 0.9],
      ["shop-good-2", 0.99],
      ["shop-3", 0.999],
    ]);
  });

  const part = (displayName: string, more: Record<string, unknown> = {}) => ({
    displayName,
    target: 0.99,
    indicator: { metadata: { name: displayName }, spec: RATIO },
    ...more,
  });

  test("with indicators of their own make a composite; timeslices are judged in each part", () => {
    const slices = { timeSliceTarget: 0.9, timeSliceWindow: "1m" };
    const { specs, problems } = read(
      slo({
        indicator: undefined,
        budgetingMethod: "Timeslices",
        objectives: [
          part("search", { ...slices, compositeWeight: 2 }),
          { displayName: "pay", target: 0.999, indicatorRef: "pay", op: "lte", value: 3, ...slices },
        ],
      }),
      named("SLI", "pay", threshold),
    );
    expect(problems).toEqual([]);
    expect(
      specs.map(({ name, budgeting, sli, objective }) => [name, budgeting.kind, sli.kind, objective]),
    ).toEqual([
      ["shop-search", "timeslices", "ratio", 0.99],
      ["shop-pay", "timeslices", "threshold", 0.999],
      ["shop", "occurrences", "composite", 0.999],
    ]);
    expect(specs[2]?.sli).toEqual({
      kind: "composite",
      parts: [
        { slo: "shop-search", weight: 2 },
        { slo: "shop-pay", weight: 1 },
      ],
    });
  });

  test("one objective with its own indicator is simply that SLO", () => {
    expect(one(slo({ indicator: undefined, objectives: [part("search")] })).sli.kind).toBe("ratio");
  });
});

test.each([
  ["two targets", { objectives: [{ target: 0.9, targetPercent: 90 }] }, /either target .* or targetPercent/],
  [
    "a rolling calendar",
    {
      timeWindow: [
        { duration: "1M", isRolling: true, calendar: { startTime: "2026-01-01", timeZone: "UTC" } },
      ],
    },
    /either rolling/,
  ],
  [
    "a time zone that is none",
    { timeWindow: [{ duration: "1M", calendar: { startTime: "2026-01-01", timeZone: "Mars/One" } }] },
    /IANA name/,
  ],
  [
    "a duration in seconds",
    { timeWindow: [{ duration: "30s", isRolling: true }] },
    /"30s" is not a duration of OpenSLO/,
  ],
  [
    "good and bad at once",
    sliOf({ ratioMetric: { good: query("g"), bad: query("b"), total: query("t") } }),
    /total with either good or bad/,
  ],
  ["a raw ratio of no kind", sliOf({ ratioMetric: { raw: query("r") } }), /rawType: success or failure/],
  [
    "two conditions",
    {
      alertPolicies: [
        inline("AlertPolicy", "p", { conditions: [{ conditionRef: "a" }, { conditionRef: "b" }] }),
      ],
    },
    /exactly one condition/,
  ],
  ["no indicator", { indicator: undefined }, /needs an indicator/],
])("%s is a fault with its place", (_, spec, want) => {
  const lines = read(slo(spec)).problems.map(formatProblemLine);
  expect(lines.join("\n")).toMatch(want);
  expect(lines[0]).toMatch(/^slo\.yaml:\d+:\d+ /);
});
