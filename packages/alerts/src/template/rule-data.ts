import { isIP } from "node:net";
import type { Labels } from "@tocsin/model";
import { parseDuration } from "@tocsin/model";
import { asText, BUILTINS, queryEscape } from "./builtins.js";
import { executeTemplate, type TemplateFunction, TemplateNeeds } from "./execute.js";
import { formatFloat } from "./printf.js";
import { parseTemplate } from "./syntax.js";
import { humanizeDuration, numberOf, TEXT_FUNCTIONS } from "./text-functions.js";
import { time } from "./time-value.js";
import { unknownFunction } from "./unknown-function.js";
import { SafeHtml, textOf } from "./value.js";

/** Variables that Prometheus sets before every template of a rule. */
export const RULE_VARIABLES = ["$labels", "$externalLabels", "$externalURL", "$value"];

/** What templates of a rule see. */
export interface RuleTemplateData {
  readonly labels: Labels;
  readonly value: number;
  readonly externalLabels: Labels;
  readonly externalUrl: string;
}

/** One series of a query's answer inside a template. */
export interface QuerySample {
  readonly labels: Labels;
  readonly value: number;
}

/** Answers a query as of the evaluation's time. */
export type TemplateQuery = (expression: string) => Promise<readonly QuerySample[]>;

const MAX_QUERIES = 20;

/**
 * Expands a template of a rule.
 *
 * A template that calls `query` is run again once the answer is there: the language itself stays synchronous.
 *
 * @throws {AlertsError} ALERTS_TEMPLATE_INVALID with its place
 */
export async function expandRuleTemplate(
  text: string,
  data: RuleTemplateData,
  query: TemplateQuery,
  nowMs: number,
): Promise<string> {
  if (!text.includes("{{")) return text;
  const answers = new Map<string, readonly QuerySample[]>();
  for (;;) {
    try {
      return expandOnce(text, data, answers, nowMs);
    } catch (error) {
      if (!(error instanceof TemplateNeeds) || answers.size >= MAX_QUERIES) throw error;
      answers.set(error.what, await query(error.what));
    }
  }
}

/** Like `expandRuleTemplate` for templates that do not query; undefined when this one does. */
export function expandRuleTemplateSync(
  text: string,
  data: RuleTemplateData,
  nowMs: number,
): string | undefined {
  if (!text.includes("{{")) return text;
  try {
    return expandOnce(text, data, NO_ANSWERS, nowMs);
  } catch (error) {
    if (error instanceof TemplateNeeds) return undefined;
    throw error;
  }
}

const NO_ANSWERS: ReadonlyMap<string, readonly QuerySample[]> = new Map();

function expandOnce(
  text: string,
  data: RuleTemplateData,
  answers: ReadonlyMap<string, readonly QuerySample[]>,
  nowMs: number,
): string {
  const labels = new Map(Object.entries(data.labels));
  const externalLabels = new Map(Object.entries(data.externalLabels));
  return executeTemplate(
    text,
    { Labels: labels, ExternalLabels: externalLabels, ExternalURL: data.externalUrl, Value: data.value },
    {
      functions: functionsFor(data, answers, nowMs),
      variables: {
        $labels: labels,
        $externalLabels: externalLabels,
        $externalURL: data.externalUrl,
        $value: data.value,
      },
    },
  );
}

/** A fault of a rule's template with its offset in the text. */
export function ruleTemplateFault(text: string): { at: number; message: string } | undefined {
  if (!text.includes("{{")) return undefined;
  try {
    const unknown = unknownFunction(parseTemplate(text, RULE_VARIABLES), isRuleFunction);
    return (
      unknown && {
        at: unknown.at,
        message: `the template has a fault: function "${unknown.name}" not defined`,
      }
    );
  } catch (error) {
    const [, line = "1", column = "1", message = ""] =
      /^(\d+):(\d+) (.*)$/s.exec((error as Error).message) ?? [];
    const before = text.split("\n").slice(0, Number(line) - 1);
    const at = before.reduce((sum, each) => sum + each.length + 1, 0) + Number(column) - 1;
    return { at, message: `the template has a fault: ${message}` };
  }
}

function isRuleFunction(name: string): boolean {
  return (
    Object.hasOwn(BUILTINS, name) || Object.hasOwn(RULE_FUNCTIONS, name) || EVALUATION_FUNCTIONS.has(name)
  );
}

/** Functions that depend on the evaluation, and those that are a part of the language. */
const EVALUATION_FUNCTIONS: ReadonlySet<string> = new Set([
  "and",
  "or",
  "query",
  "now",
  "pathPrefix",
  "externalURL",
  "args",
]);

type Sample = { Labels: Map<string, string>; Value: number };

function functionsFor(
  data: RuleTemplateData,
  answers: ReadonlyMap<string, readonly QuerySample[]>,
  nowMs: number,
): Record<string, TemplateFunction> {
  const url = data.externalUrl;
  return {
    ...RULE_FUNCTIONS,
    query: (expression: unknown): Sample[] => {
      const text = asText(expression);
      const answer = answers.get(text);
      if (!answer) throw new TemplateNeeds(text);
      return answer.map(({ labels, value }) => ({ Labels: new Map(Object.entries(labels)), Value: value }));
    },
    now: () => nowMs / 1_000,
    pathPrefix: () => (URL.canParse(url) ? new URL(url).pathname.replace(/\/$/, "") : ""),
    externalURL: () => url,
    args: (...args: unknown[]) => new Map(args.map((arg, index) => [`arg${index}`, arg])),
  };
}

/** Prometheus's functions, name for name. */
const RULE_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  ...TEXT_FUNCTIONS,
  first: (samples: Sample[]) => {
    if (!samples[0]) throw new Error("first() called on vector with no elements");
    return samples[0];
  },
  label: (name: unknown, sample: Sample) => sample.Labels.get(asText(name)) ?? "",
  value: (sample: Sample) => sample.Value,
  strvalue: (sample: Sample) => sample.Labels.get("__value__") ?? "",
  sortByLabel: (name: unknown, samples: Sample[]) =>
    [...samples].sort((a, b) => compare(a.Labels.get(asText(name)) ?? "", b.Labels.get(asText(name)) ?? "")),
  stripPort: (host: unknown) => splitHostPort(asText(host))?.host ?? asText(host),
  stripDomain: (text: unknown) => {
    const { host, port } = splitHostPort(asText(text)) ?? { host: asText(text), port: "" };
    if (isIP(host) !== 0) return asText(text);
    const [name = ""] = host.split(".");
    return port === "" ? name : `${name}:${port}`;
  },
  graphLink: (expression: unknown) => `/graph?g0.expr=${queryEscape(textOf(expression))}&g0.tab=0`,
  tableLink: (expression: unknown) => `/graph?g0.expr=${queryEscape(textOf(expression))}&g0.tab=1`,
  humanize: (value: unknown) =>
    humanize(numberOf(value), 1_000, ["k", "M", "G", "T", "P", "E", "Z", "Y"], true),
  humanize1024: (value: unknown) =>
    humanize(numberOf(value), 1_024, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"], false),
  humanizePercentage: (value: unknown) => `${formatFloat(numberOf(value) * 100, "g", 4)}%`,
  humanizeTimestamp: (value: unknown) => timeText(numberOf(value)),
  toTime: (value: unknown) => time(milliseconds(numberOf(value))),
  toDuration: (value: unknown) => humanizeDuration(numberOf(value)),
  parseDuration: (text: unknown) => parseDuration(asText(text)) / 1_000,
  urlQueryEscape: (text: unknown) => queryEscape(asText(text)),
  safeHtml: (text: unknown) => new SafeHtml(textOf(text)),
};

function timeText(seconds: number): string {
  return Number.isFinite(seconds) ? time(milliseconds(seconds)).toString() : formatFloat(seconds, "g", 4);
}

/** Go counts nanoseconds in 64 bits, which is 292 years to either side of 1970. */
function milliseconds(seconds: number): number {
  if (Math.abs(seconds) < 2 ** 63 / 1e9) return seconds * 1_000;
  throw new Error(`${seconds} is too far from 1970 to be a timestamp`);
}

/** Go's net.SplitHostPort: undefined where a port is missing or colons are too many. */
function splitHostPort(text: string): { host: string; port: string } | undefined {
  const [, bracketed, plain, port = ""] = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? undefined : { host, port };
}

function humanize(value: number, base: number, prefixes: readonly string[], hasSmall: boolean): string {
  if (value === 0 || !Number.isFinite(value)) return formatFloat(value, "g", 4);
  let rest = value;
  let prefix = "";
  if (Math.abs(rest) >= 1) {
    for (const next of prefixes) {
      if (Math.abs(rest) < base) break;
      prefix = next;
      rest /= base;
    }
    return formatFloat(rest, "g", 4) + prefix;
  }
  if (!hasSmall) return formatFloat(rest, "g", 4);
  for (const next of ["m", "u", "n", "p", "f", "a", "z", "y"]) {
    if (Math.abs(rest) >= 1) break;
    prefix = next;
    rest *= base;
  }
  return formatFloat(rest, "g", 4) + prefix;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
