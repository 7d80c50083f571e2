import {
  type ConfigDocument,
  type ConfigSource,
  duration,
  type Problem,
  readYaml,
  validate,
} from "@tocsin/model/config";
import { z } from "zod";

const labels = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
  .nullish();

const ExpectedAlert = z.strictObject({
  exp_labels: labels,
  exp_annotations: labels,
  exp_receivers: z.array(z.string()).optional().describe("Tocsin's own: who is told, in order."),
  exp_actions: z.array(z.string()).optional().describe("Tocsin's own: the actions that are considered."),
});

const number = z.union([z.number(), z.string()]).transform((written, context) => {
  const text = String(written).toLowerCase().replace(/^\+/, "");
  const value =
    text === "inf" || text === ".inf"
      ? Infinity
      : text === "-inf" || text === "-.inf"
        ? -Infinity
        : text === "nan" || text === ".nan"
          ? Number.NaN
          : Number(text);
  if (!Number.isNaN(value) || text.includes("nan")) return value;
  context.addIssue({ code: "custom", message: `"${written}" is not a number.` });
  return z.NEVER;
});

const TestGroup = z.strictObject({
  name: z.string().optional(),
  interval: duration().default(60_000),
  input_series: z.array(z.strictObject({ series: z.string(), values: z.string() })).nullish(),
  alert_rule_test: z
    .array(
      z.strictObject({
        eval_time: duration(),
        alertname: z.string(),
        exp_alerts: z.array(ExpectedAlert).nullish(),
      }),
    )
    .nullish(),
  promql_expr_test: z
    .array(
      z.strictObject({
        expr: z.string(),
        eval_time: duration(),
        exp_samples: z
          .array(
            z.strictObject({
              labels: z.string(),
              value: number.optional(),
              histogram: z.string().optional(),
            }),
          )
          .nullish(),
      }),
    )
    .nullish(),
  external_labels: labels,
  external_url: z.string().optional(),
  start_timestamp: z.union([z.string(), z.number()]).optional(),
});
export type TestGroup = z.output<typeof TestGroup>;

/** promtool's rule-test file, with the additions that are Tocsin's own. Durations in ms. */
export const RuleTestFile = z.strictObject({
  rule_files: z.array(z.string()).nullish(),
  evaluation_interval: duration().default(60_000),
  group_eval_order: z.array(z.string()).nullish(),
  fuzzy_compare: z.boolean().default(false),
  tests: z.array(TestGroup).nullish(),
  alerting_file: z
    .string()
    .optional()
    .describe("Tocsin's own: an Alertmanager file whose routes exp_receivers is held against."),
});
export type RuleTestFile = z.output<typeof RuleTestFile>;

export interface ReadTestFile {
  readonly file: RuleTestFile | undefined;
  readonly document: ConfigDocument | undefined;
  readonly problems: readonly Problem[];
}

export function readRuleTestFile(source: ConfigSource): ReadTestFile {
  const { documents, problems } = readYaml(source);
  const document = documents[0];
  if (!document) return { file: undefined, document, problems };
  const checked = validate(RuleTestFile, document);
  return checked.ok
    ? { file: checked.value, document, problems }
    : { file: undefined, document, problems: [...problems, ...checked.problems] };
}
