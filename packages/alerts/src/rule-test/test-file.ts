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

/** YAML reads `values: 1` as a number. */
const text = z.union([z.string(), z.number()]).transform(String);

const ExpectedAlert = z.strictObject({
  exp_labels: labels,
  exp_annotations: labels,
  exp_receivers: z.array(z.string()).optional().describe("Tocsin's own: who is told, in order."),
  exp_actions: z.array(z.string()).optional().describe("Tocsin's own: the actions that are considered."),
});

const ExpectedNotification = z.strictObject({
  receiver: z.string(),
  status: z.enum(["firing", "resolved"]).default("firing"),
  exp_alerts: z
    .array(z.strictObject({ exp_labels: labels, status: z.enum(["firing", "resolved"]).optional() }))
    .optional()
    .describe("Every alert of the message; left out, any will do. Labels include alertname."),
});
export type ExpectedNotification = z.output<typeof ExpectedNotification>;

/** YAML has `.inf` and `.nan`, which are no numbers to a schema. */
const anyNumber = z.custom<number>((value) => typeof value === "number");
const number = z.union([anyNumber, z.string()]).transform((written, context) => {
  const text = String(written).toLowerCase().replace(/^\+/, "");
  const value =
    text === "inf" || text === ".inf" || text === "infinity"
      ? Infinity
      : text === "-inf" || text === "-.inf" || text === "-infinity"
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
  interval: duration().optional().describe("Time between two values; default evaluation_interval."),
  input_series: z.array(z.strictObject({ series: z.string(), values: text })).nullish(),
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
        expr: text,
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
  notification_test: z
    .array(
      z.strictObject({
        eval_time: duration(),
        exp_notifications: z
          .array(ExpectedNotification)
          .nullish()
          .describe("All that were sent since the entry before this one; in any order."),
      }),
    )
    .nullish()
    .describe("Tocsin's own: what is sent, by the routes, groups and times of alerting_file."),
  external_labels: labels,
  external_url: z.string().optional(),
  start_timestamp: z.union([z.string(), z.number()]).optional(),
});
export type TestGroup = z.output<typeof TestGroup>;

/** promtool's rule-test file, with the additions that are Tocsin's own. Durations in ms. */
export const RuleTestFile = z.strictObject({
  rule_files: z.array(z.string()).nullish(),
  evaluation_interval: duration().default(60_000),
  group_eval_order: z
    .array(z.string())
    .superRefine((names, context) => {
      const twice = names.find((name, index) => names.indexOf(name) !== index);
      if (twice !== undefined)
        context.addIssue({ code: "custom", message: `the group "${twice}" is named twice.`, input: names });
    })
    .nullish(),
  fuzzy_compare: z.boolean().default(false),
  tests: z.array(TestGroup).nullish(),
  alerting_file: z
    .string()
    .optional()
    .describe(
      "Tocsin's own: an Alertmanager file that exp_receivers and notification_test are held against.",
    ),
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
