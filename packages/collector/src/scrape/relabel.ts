import { createHash } from "node:crypto";
import type { Labels } from "@tocsin/model";
import { RE2JS } from "re2js";
import { z } from "zod";

const ACTIONS = [
  "replace",
  "keep",
  "drop",
  "keepequal",
  "dropequal",
  "hashmod",
  "labelmap",
  "labeldrop",
  "labelkeep",
  "lowercase",
  "uppercase",
] as const;

/** One step of Prometheus's `relabel_configs`. */
export const RelabelConfig = z
  .strictObject({
    source_labels: z.array(z.string()).default([]).describe("Labels whose values are joined and matched."),
    separator: z.string().default(";").describe("Stands between the joined values."),
    regex: z
      .string()
      .default("(.*)")
      .describe("RE2, for the whole of the joined value (or the label's name)."),
    modulus: z.number().int().positive().optional().describe("For hashmod: number of shards."),
    target_label: z.string().default("").describe("Label that is written."),
    replacement: z.string().default("$1").describe("What is written; $1 is the first group of the regex."),
    action: z
      .string()
      .transform((text) => text.toLowerCase())
      .pipe(z.enum(ACTIONS))
      .default("replace")
      .describe("What is done."),
  })
  .superRefine((step, context) => {
    const issue = (message: string, path: string) =>
      context.addIssue({ code: "custom", message, path: [path] });
    if (NEEDS_TARGET.has(step.action) && step.target_label === "") {
      issue(`The action ${step.action} needs a target_label.`, "target_label");
    }
    if (step.action === "hashmod" && step.modulus === undefined) {
      issue("The action hashmod needs a modulus.", "modulus");
    }
    try {
      RE2JS.compile(step.regex);
    } catch (error) {
      issue(`"${step.regex}" is not an RE2 regular expression: ${String(error)}`, "regex");
    }
  });
export type RelabelConfig = z.infer<typeof RelabelConfig>;

const NEEDS_TARGET: ReadonlySet<string> = new Set([
  "replace",
  "hashmod",
  "lowercase",
  "uppercase",
  "keepequal",
  "dropequal",
]);

/** Labels after relabelling; undefined when a step dropped them. */
export type Relabel = (labels: Labels) => Labels | undefined;

/** Compiles steps into one function. */
export function relabelling(steps: readonly RelabelConfig[]): Relabel {
  const compiled = steps.map((step) => ({ step, regex: RE2JS.compile(`^(?s:${step.regex})$`) }));
  return (labels) => {
    let current: Record<string, string> = { ...labels };
    for (const { step, regex } of compiled) {
      const next = apply(step, regex, current);
      if (next === undefined) return undefined;
      current = next;
    }
    return current;
  };
}

function apply(
  step: RelabelConfig,
  regex: RE2JS,
  labels: Record<string, string>,
): Record<string, string> | undefined {
  const joined = step.source_labels.map((name) => labels[name] ?? "").join(step.separator);
  const target = step.target_label;
  switch (step.action) {
    case "keep":
      return regex.matches(joined) ? labels : undefined;
    case "drop":
      return regex.matches(joined) ? undefined : labels;
    case "keepequal":
      return (labels[target] ?? "") === joined ? labels : undefined;
    case "dropequal":
      return (labels[target] ?? "") === joined ? undefined : labels;
    case "replace":
      return replace(step, regex, joined, labels);
    case "lowercase":
      return withLabel(labels, target, joined.toLowerCase());
    case "uppercase":
      return withLabel(labels, target, joined.toUpperCase());
    case "hashmod":
      return withLabel(labels, target, String(shard(joined, step.modulus ?? 1)));
    case "labelmap":
      return mapNames(regex, step.replacement, labels);
    case "labeldrop":
      return filterNames(labels, (name) => !regex.matches(name));
    case "labelkeep":
      return filterNames(labels, (name) => regex.matches(name));
  }
}

function replace(
  step: RelabelConfig,
  regex: RE2JS,
  joined: string,
  labels: Record<string, string>,
): Record<string, string> {
  const groups = match(regex, joined);
  if (groups === undefined) return labels;
  const target = expand(step.target_label, groups);
  return target === "" ? labels : withLabel(labels, target, expand(step.replacement, groups));
}

function mapNames(regex: RE2JS, replacement: string, labels: Record<string, string>): Record<string, string> {
  const mapped = { ...labels };
  for (const name of Object.keys(labels)) {
    const groups = match(regex, name);
    if (groups !== undefined) mapped[expand(replacement, groups)] = labels[name];
  }
  return mapped;
}

function filterNames(
  labels: Record<string, string>,
  isKept: (name: string) => boolean,
): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => isKept(name)));
}

/** An empty value removes the label. */
function withLabel(labels: Record<string, string>, name: string, value: string): Record<string, string> {
  const changed = { ...labels };
  if (value === "") delete changed[name];
  else changed[name] = value;
  return changed;
}

/** Groups by number and name. */
function match(regex: RE2JS, text: string): ((key: string) => string) | undefined {
  const matcher = regex.matcher(text);
  if (!matcher.matches()) return undefined;
  const names = regex.namedGroups();
  return (key) => {
    const index = /^\d+$/.test(key) ? Number(key) : Number(names[key] ?? Number.NaN);
    return index <= matcher.groupCount() ? (matcher.group(index) ?? "") : "";
  };
}

/** `$1`, `${1}`, `${name}`; `$$` is a dollar. */
function expand(template: string, group: (key: string) => string): string {
  return template.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (all, braced?: string, plain?: string) =>
    all === "$$" ? "$" : group(braced ?? plain ?? ""),
  );
}

/** Prometheus's hashmod: the last eight bytes of the MD5, as a number, modulo. */
function shard(text: string, modulus: number): number {
  const digest = createHash("md5").update(text).digest();
  return Number(digest.readBigUInt64BE(8) % BigInt(modulus));
}
