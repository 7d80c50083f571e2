import { type Labels, messageOf } from "@tocsin/model";
import {
  type ConfigDocument,
  type ConfigSource,
  duration,
  type Path,
  type Problem,
  type ProblemText,
  readYaml,
  validate,
} from "@tocsin/model/config";
import { PromQLError, parse, print, valueType } from "@tocsin/promql";
import { z } from "zod";
import { ruleTemplateFault } from "../template/rule-data.js";
import { lintRule } from "./lint/rule-lint.js";
import { SignalRule, signalExpression, signalSummary } from "./signal-rule.js";

/** YAML reads `priority: 1` as a number; labels are texts. */
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const LabelMap = z.record(z.string(), text);
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** One rule as it is written: an alert, a recording rule, or Tocsin's short form. Durations in ms. */
export const Rule = z.strictObject({
  alert: z.string().min(1).optional().describe("Name of the alert."),
  record: z.string().min(1).optional().describe("Name of the series to record."),
  expr: text.optional().describe("PromQL."),
  for: duration().optional().describe("How long the condition must hold before the alert fires."),
  keep_firing_for: duration()
    .optional()
    .describe("How long it goes on firing after the condition last held."),
  labels: LabelMap.nullish(),
  annotations: LabelMap.nullish(),
  on_no_data: z
    .enum(["ok", "alert", "keep"])
    .optional()
    .describe("What to do when the series do not exist. Default ok."),
  on_error: z
    .enum(["keep", "alert"])
    .optional()
    .describe("What to do when the rule cannot be evaluated. Default keep."),
  actions: z.array(z.string()).optional().describe("Names of actions to consider when it fires."),
  ...SignalRule.shape,
});
export type Rule = z.output<typeof Rule>;

/** A rule group, as in Prometheus. */
export const RuleGroup = z.strictObject({
  name: z.string().min(1, "a group needs a name."),
  interval: duration().optional().describe("Time between evaluations."),
  query_offset: duration()
    .optional()
    .describe("Evaluates in the past by so much, for series that come late."),
  limit: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe("Most alerts or series of one rule; 0 is no limit."),
  labels: LabelMap.nullish().describe("Labels added to every rule; the rule's own win."),
  rules: z.array(Rule).nullish(),
});

export const RuleFile = z.strictObject({ groups: z.array(RuleGroup).nullish() });

/** A rule that was checked. */
export interface LoadedRule {
  readonly kind: "alert" | "record";
  readonly name: string;
  readonly expr: string;
  /** `expr` as Prometheus prints it, for APIs and links. */
  readonly printed: string;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  /** With the group's. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly onNoData: "ok" | "alert" | "keep";
  readonly onError: "keep" | "alert";
  readonly actions: readonly string[];
  /** `rules/cart.yaml:9` */
  readonly place: string;
}

export interface LoadedGroup {
  readonly file: string;
  readonly name: string;
  /** Undefined: the global interval. */
  readonly intervalMs: number | undefined;
  readonly queryOffsetMs: number | undefined;
  readonly limit: number;
  readonly rules: readonly LoadedRule[];
}

/** What is known around a rule file. */
export interface RuleFileOptions {
  /** How long samples are kept: ranges that reach further back are warned of. */
  readonly retentionMs?: number | undefined;
}

/** Reads one rule file. Every fault is a problem with its place; groups are only there when no error is among them. */
export function readRuleFile(
  source: ConfigSource,
  options: RuleFileOptions = {},
): { groups: LoadedGroup[]; problems: Problem[] } {
  const { documents, problems } = readYaml(source);
  const found = [...problems];
  const groups: LoadedGroup[] = [];
  const names = new Set<string>();
  for (const document of documents) {
    if (document.value === undefined || document.value === null) continue;
    const checked = validate(RuleFile, document);
    if (!checked.ok) {
      found.push(...checked.problems);
      continue;
    }
    for (const [index, group] of (checked.value.groups ?? []).entries()) {
      if (names.has(group.name))
        found.push(
          document.problemAt(["groups", index, "name"], {
            code: "rule/duplicate-group",
            message: `the group "${group.name}" is defined twice in this file.`,
          }),
        );
      names.add(group.name);
      groups.push(loadGroup(group, ["groups", index], document, found, options));
    }
  }
  return { groups: found.some(({ severity }) => severity === "error") ? [] : groups, problems: found };
}

function loadGroup(
  group: z.output<typeof RuleGroup>,
  path: Path,
  document: ConfigDocument,
  found: Problem[],
  options: RuleFileOptions,
): LoadedGroup {
  checkLabels(group.labels ?? {}, [...path, "labels"], document, found);
  const seen = new Set<string>();
  const rules = (group.rules ?? []).flatMap((rule, index) => {
    const at = [...path, "rules", index];
    const loaded = loadRule(rule, group.labels ?? {}, at, document, found, options);
    if (!loaded) return [];
    const key = JSON.stringify([loaded.kind, loaded.name, loaded.expr, Object.entries(loaded.labels).sort()]);
    if (seen.has(key)) {
      const message = `${loaded.kind} "${loaded.name}" stands twice in this group with the same labels and expression.`;
      found.push(document.problemAt(at, { code: "rule/duplicate", severity: "warning", message }));
    }
    seen.add(key);
    return [loaded];
  });
  return {
    file: document.source.file,
    name: group.name,
    intervalMs: group.interval,
    queryOffsetMs: group.query_offset,
    limit: group.limit,
    rules,
  };
}

function loadRule(
  rule: Rule,
  groupLabels: Labels,
  path: Path,
  document: ConfigDocument,
  found: Problem[],
  options: RuleFileOptions,
): LoadedRule | undefined {
  const report = (at: Path, problem: ProblemText): void => {
    found.push(document.problemAt([...path, ...at], problem));
  };
  const before = found.length;
  const { alert, record } = rule;
  if ((alert === undefined) === (record === undefined))
    report([], { code: "rule/kind", message: "a rule has exactly one of alert and record." });
  const expr = rule.expr ?? (rule.signal ? signalExpression(rule) : undefined);
  if (rule.expr !== undefined && rule.signal !== undefined)
    report(["signal"], { code: "rule/kind", message: "expr and signal exclude each other." });
  if (expr === undefined)
    report([], {
      code: "rule/no-expression",
      message: "a rule needs expr, or signal with what belongs to it.",
    });
  else if (typeof expr !== "string") report([expr.key], { code: "rule/signal", message: expr.problem });
  if (record !== undefined) checkRecording(rule, record, report);
  checkLabels(rule.labels ?? {}, [...path, "labels"], document, found);
  checkTemplates(rule, path, document, found);
  if (rule.expr !== undefined) checkExpression(rule.expr, [...path, "expr"], document, found);
  if (typeof expr !== "string" || found.slice(before).some(({ severity }) => severity === "error"))
    return undefined;
  const labels = { ...groupLabels, ...rule.labels };
  lint(rule, expr, labels, options, path, document, found);
  const { line } = document.problemAt(path, { code: "", message: "" });
  return {
    kind: record === undefined ? "alert" : "record",
    name: record ?? alert ?? "",
    expr: expr.trim(),
    printed: print(parse(expr)),
    forMs: rule.for ?? 0,
    keepFiringForMs: rule.keep_firing_for ?? 0,
    labels,
    annotations: rule.signal
      ? { summary: signalSummary(rule), ...rule.annotations }
      : (rule.annotations ?? {}),
    onNoData: rule.on_no_data ?? "ok",
    onError: rule.on_error ?? "keep",
    actions: rule.actions ?? [],
    place: `${document.source.file}:${line}`,
  };
}

type Report = (at: Path, problem: ProblemText) => void;

function checkRecording(rule: Rule, record: string, report: Report): void {
  if (!METRIC_NAME.test(record))
    report(["record"], {
      code: "rule/name",
      message: `"${record}" is not a metric name. Write for instance job:http_errors:rate5m.`,
    });
  for (const key of ["for", "keep_firing_for", "annotations", "actions", "on_no_data", "on_error"] as const) {
    const value = rule[key];
    if (value !== undefined && value !== null)
      report([key], {
        code: "rule/kind",
        message: `a recording rule has no ${key}; that belongs to alerts.`,
      });
  }
}

function checkLabels(labels: Labels, path: Path, document: ConfigDocument, found: Problem[]): void {
  for (const name of Object.keys(labels)) {
    if (LABEL_NAME.test(name) && name !== "__name__") continue;
    found.push(
      document.problemAtKey([...path, name], {
        code: "rule/label",
        message: `"${name}" cannot be a label of a rule.`,
      }),
    );
  }
}

function checkTemplates(rule: Rule, path: Path, document: ConfigDocument, found: Problem[]): void {
  for (const key of ["labels", "annotations"] as const) {
    for (const [name, template] of Object.entries(rule[key] ?? {})) {
      const fault = ruleTemplateFault(template);
      if (fault === undefined) continue;
      const { at, message } = fault;
      found.push(document.problemWithin([...path, key, name], at, 2, { code: "template/syntax", message }));
    }
  }
}

/** Warnings of what is valid and cannot be meant. */
function lint(
  rule: Rule,
  expr: string,
  labels: Labels,
  { retentionMs }: RuleFileOptions,
  path: Path,
  document: ConfigDocument,
  found: Problem[],
): void {
  const warnings = lintRule({
    kind: rule.record === undefined ? "alert" : "record",
    expression: parse(expr),
    forMs: rule.for ?? 0,
    labels,
    templates: { labels: rule.labels ?? {}, annotations: rule.annotations ?? {} },
    retentionMs,
  });
  for (const warning of warnings) {
    const at = [...path, ...warning.path];
    // A short rule has no expression of its own to point at.
    const isWritten = warning.path[0] !== "expr" || rule.expr !== undefined;
    found.push(
      isWritten
        ? document.problemWithin(at, warning.at, warning.length, warning.problem)
        : document.problemAt(path, warning.problem),
    );
  }
}

function checkExpression(expr: string, path: Path, document: ConfigDocument, found: Problem[]): void {
  try {
    const type = valueType(parse(expr));
    if (type === "vector" || type === "scalar") return;
    const message = `this expression gives a ${type === "matrix" ? "range vector" : type}; a rule needs an instant vector or a scalar.`;
    found.push(document.problemAt(path, { code: "promql/type", message }));
  } catch (error) {
    const range = error instanceof PromQLError ? error.range : undefined;
    const problem = { code: "promql/parse", message: messageOf(error) };
    if (!range) found.push(document.problemAt(path, problem));
    else found.push(document.problemWithin(path, range.from, Math.max(1, range.to - range.from), problem));
  }
}
