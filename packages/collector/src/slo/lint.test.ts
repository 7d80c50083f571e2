import { formatProblem, formatProblemLine, readYaml, validate } from "@tocsin/model/config";
import { expect, test } from "vitest";
import { z } from "zod";
import { compileSlo } from "./compile.js";
import { SlosConfig } from "./config.js";
import { type LintOptions, lintProblems } from "./lint.js";
import { shortFormOrigin } from "./origin.js";

function lint(text: string, options: LintOptions = {}): string[] {
  const source = { file: "tocsin.yaml", text };
  const [document] = readYaml(source).documents;
  const result = validate(z.object({ slos: SlosConfig }), document!);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const specs = result.value.slos.map((slo) => compileSlo(slo));
  const origins = new Map(
    specs.map((spec, index) => [spec, shortFormOrigin(document!, ["slos", index])] as const),
  );
  return lintProblems(specs, origins, options).map((problem) => formatProblem(problem, source));
}

const base = (more: string) => `slos:\n  - name: a\n    service: shop\n${more}`;

test("a sound SLO has no findings", () => {
  expect(lint(base("    objective: 99.9%\n    sli: { type: latency, threshold: 250ms }\n"))).toEqual([]);
});

test("an SLO is by what signals are told apart by", () => {
  const text = base("    objective: 99%\n    sli: { type: availability }\n    by: [rout, tenant.id, plan]\n");
  const said = lint(text, { groupBy: ["tenant.id"] }).map((each) => each.split("\n")[0]);
  expect(said).toEqual([
    'tocsin.yaml:6:10 error[slo/unknown-group] Signals are not told apart by "rout". Did you mean "route"?',
    'tocsin.yaml:6:27 error[slo/unknown-group] Signals are not told apart by "plan". Add it to signals.group_by.',
  ]);
});

test.each([
  {
    name: "a query that cannot be parsed is shown under its caret",
    text: base(
      "    objective: 99.9%\n    sli:\n      type: ratio\n      bad: sum(rate(x[$window])\n      total: y\n",
    ),
    want: ["tocsin.yaml:7:", "error[slo/promql]"],
  },
  {
    name: "a composite of an SLO that does not exist",
    text: `${base("    objective: 99.9%\n    sli: { type: availability }\n")}  - name: whole\n    service: shop\n    objective: 99%\n    sli: { type: composite, parts: [{ slo: b }] }\n`,
    want: [
      'error[slo/unknown-part] There is no SLO "b" that this one could be made of.',
      'Did you mean "a"?',
    ],
  },
  {
    name: "an objective at which a pair can never fire",
    text: base("    objective: 93%\n    sli: { type: availability }\n"),
    want: [
      "tocsin.yaml:4:16 warning[slo/pair-never-fires]",
      "can never fire",
      "Choose an objective over 93.06 %",
    ],
  },
  {
    name: "good events that leave a condition of the total out",
    text: base(
      '    objective: 99%\n    sli:\n      type: ratio\n      good: sum(rate(x{a="1"}[$window]))\n      total: sum(rate(x{a="1", b="2"}[$window]))\n',
    ),
    want: ["tocsin.yaml:7:", "warning[slo/part-over-total]", "there are more of them than in all"],
  },
  {
    name: "bad events that are all events",
    text: base("    objective: 99%\n    sli: { type: ratio, bad: x, total: x }\n"),
    want: ["warning[slo/part-over-total]", "every event is bad"],
  },
  {
    name: "a limit that a healthy service exceeds",
    text: base(
      "    objective: 99%\n    sli: { type: availability }\n    alerting: { pairs: [{ severity: page, short: 5m, long: 1d, budget: 1% }] }\n",
    ),
    want: ["warning[slo/pair-always-on] The limit of the page pair 1d/5m is 0.3"],
  },
  {
    name: "a window of minutes",
    text: base("    objective: 99%\n    window: 30m\n    sli: { type: availability }\n"),
    want: ["tocsin.yaml:5:13 warning[slo/short-window] A window of 30m holds minutes"],
  },
  {
    name: "a window beyond retention",
    text: base("    objective: 99%\n    window: 90d\n    sli: { type: availability }\n"),
    retentionMs: 7 * 86_400_000,
    want: ["warning[slo/long-window] The window of 90d is longer than history is kept (1w)"],
  },
  {
    name: "a latency between bounds",
    text: base("    objective: 99%\n    sli: { type: latency, threshold: 300ms }\n"),
    want: ["warning[slo/threshold-between-bounds]", "Choose 250ms for exact counts"],
  },
])("$name", ({ text, retentionMs, want }) => {
  const found = lint(text, retentionMs === undefined ? {} : { retentionMs });
  expect(found).toHaveLength(1);
  for (const part of want) expect(found[0]).toContain(part);
});

test.each([
  {
    window: "1m",
    want: "tocsin.yaml:3:13 slos[0].window: A window has at least 5m; m stands for minutes, and a month is 30d.",
  },
  {
    window: "1M",
    want: 'tocsin.yaml:3:13 slos[0].window: "1M" is not a window. Write a length such as 30d (a month is 30d, since m stands for minutes), or { calendar: month }.',
  },
])("a window of $window says how to write a month", ({ window, want }) => {
  const text = `slos:\n  - { name: a, service: shop, objective: 99%, sli: { type: availability },\n    window: ${window} }\n`;
  const [document] = readYaml({ file: "tocsin.yaml", text }).documents;
  const result = validate(z.object({ slos: SlosConfig }), document!);
  expect(result.ok ? [] : result.problems.map(formatProblemLine)).toEqual([want]);
});
