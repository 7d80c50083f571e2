import { formatDuration, type Labels } from "@tocsin/model";
import type { ProblemText } from "@tocsin/model/config";
import { childrenOf, type Expression, type TextRange } from "@tocsin/promql";
import { RULE_VARIABLES } from "../../template/rule-data.js";
import { analyse } from "./analysis.js";
import { canHave, type LabelFacts } from "./label-facts.js";
import { labelReferences } from "./template-labels.js";

/** Something odd in a rule: in its expression, or in a template under a key. */
export interface RuleWarning {
  readonly path: readonly string[];
  readonly at: number;
  readonly length: number;
  readonly problem: ProblemText;
}

export interface LintedRule {
  readonly kind: "alert" | "record";
  readonly expression: Expression;
  readonly forMs: number;
  readonly labels: Labels;
  /** As they are written, by the key under which they stand. */
  readonly templates: { readonly labels: Labels; readonly annotations: Labels };
  /** How long samples are kept; undefined where nobody knows. */
  readonly retentionMs: number | undefined;
}

/**
 * What is valid and cannot be meant: rules that can never give anything, templates that write a label which the expression
 * cannot have, ranges that reach past what is kept. Only what is certain whatever data there is. Pure.
 */
export function lintRule(rule: LintedRule): RuleWarning[] {
  const { labels, never } = analyse(rule.expression);
  const warnings: RuleWarning[] = [];
  if (never) {
    const { range, why, hint } = never;
    const consequence =
      rule.kind === "alert" ? "this alert can never fire" : "this rule never records anything";
    const problem = {
      code: "alert/never-fires",
      message: `${consequence}: ${why}.`,
      ...(hint ? { hint } : {}),
    };
    warnings.push(at(["expr"], range, problem));
  } else warnings.push(...missingLabels(rule, labels));
  return [...warnings, ...reachWarnings(rule)];
}

function missingLabels({ templates, labels }: LintedRule, facts: LabelFacts): RuleWarning[] {
  return (["labels", "annotations"] as const).flatMap((key) =>
    Object.entries(templates[key]).flatMap(([name, text]) =>
      labelReferences(text, RULE_VARIABLES)
        .filter((reference) => reference.name !== "alertname" && !canHave(facts, reference.name))
        .map((reference) => ({
          path: [key, name],
          at: reference.at,
          length: 1,
          problem: {
            code: "template/no-such-label",
            severity: "warning" as const,
            message: `the expression has no label "${reference.name}", so nothing is written here.`,
            hint: Object.hasOwn(labels, reference.name)
              ? "Templates see the labels of the expression, not those of the rule."
              : keptLabels(facts),
          },
        })),
    ),
  );
}

function keptLabels({ isOpen, names }: LabelFacts): string {
  if (isOpen) return "It is aggregated away, or matched without it.";
  return names.size === 0 ? "It has no labels at all." : `It has: ${[...names].sort().join(", ")}.`;
}

function reachWarnings({ expression, forMs, retentionMs }: LintedRule): RuleWarning[] {
  if (retentionMs === undefined) return [];
  const kept = formatDuration(retentionMs);
  const warnings: RuleWarning[] = [];
  const reach = furthest(expression);
  if (reach && reach.ms > retentionMs)
    warnings.push(
      at(["expr"], reach.range, {
        code: "rule/past-retention",
        message: `this reaches ${formatDuration(reach.ms)} back, and samples are kept for ${kept}.`,
        hint: "Lengthen retention.metrics, or record what is needed.",
      }),
    );
  if (forMs > retentionMs)
    warnings.push({
      path: ["for"],
      at: 0,
      length: 1,
      problem: {
        code: "rule/past-retention",
        severity: "warning",
        message: `this waits for ${formatDuration(forMs)}, and samples are kept for ${kept}: when it fires, nobody can look at why.`,
      },
    });
  return warnings;
}

function at(path: readonly string[], range: TextRange, problem: ProblemText): RuleWarning {
  return {
    path,
    at: range.from,
    length: Math.max(1, range.to - range.from),
    problem: { severity: "warning", ...problem },
  };
}

/** The selector that reads the oldest samples, by ranges and offsets that are written as numbers. */
function furthest(expression: Expression): { ms: number; range: TextRange } | undefined {
  let found: { ms: number; range: TextRange } | undefined;
  const visit = (node: Expression, backMs: number): void => {
    if (node.kind === "vector-selector") {
      const ms = backMs + msOf(node.offset);
      if (!node.at && ms > (found?.ms ?? 0)) found = { ms, range: node.range };
    } else if (node.kind === "matrix-selector") visit(node.selector, backMs + msOf(node.window));
    else if (node.kind === "subquery") {
      if (!node.at) visit(node.expression, backMs + msOf(node.window) + msOf(node.offset));
    } else for (const child of childrenOf(node)) visit(child, backMs);
  };
  visit(expression, 0);
  return found;
}

type Written = Extract<Expression, { kind: "subquery" }>["offset"];

function msOf(duration: Written): number {
  return duration?.kind === "number" ? duration.value * 1_000 : 0;
}
