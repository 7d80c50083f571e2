import { z } from "zod";
import { isTimeZone, readWallTime } from "../calendar.js";
import { withoutEmptyKeys } from "./empty-keys.js";

/** Milliseconds of OpenSLO's duration shorthand; months, quarters and years by their nominal length. */
const UNIT_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 30 * 86_400_000,
  Q: 90 * 86_400_000,
  Y: 365 * 86_400_000,
};

/** A duration such as `12h`, `4w`, `1M`. */
export interface Shorthand {
  readonly count: number;
  readonly unit: string;
  readonly lengthMs: number;
}

const shorthand = () =>
  z.string().transform((text, context): Shorthand => {
    const match = /^([1-9]\d*)([mhdwMQY])$/.exec(text);
    if (match) {
      const [, count = "1", unit = "m"] = match;
      return { count: Number(count), unit, lengthMs: Number(count) * (UNIT_MS[unit] ?? 0) };
    }
    const message = `"${text}" is not a duration of OpenSLO. Write a number and one of m, h, d, w, M, Q, Y, such as 4w or 1M.`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

/** Words that YAML may have read as a number or as yes and no. */
const Text = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const Metadata = z.strictObject({
  name: z.string().min(1).max(255),
  displayName: z.string().optional(),
  labels: z.record(z.string(), z.union([Text, z.array(Text)])).default({}),
  annotations: z.record(z.string(), Text).default({}),
});
export type Metadata = z.output<typeof Metadata>;

/** Where a metric comes from; what stands in `spec` is the data source's own affair. */
const MetricSource = z.strictObject({
  metricSource: z.strictObject({
    metricSourceRef: z.string().optional(),
    type: z.string().optional(),
    spec: z.unknown().optional(),
  }),
});
export type MetricSource = z.output<typeof MetricSource>;

const RatioMetric = z
  .strictObject({
    counter: z.boolean().optional(),
    good: MetricSource.optional(),
    bad: MetricSource.optional(),
    total: MetricSource.optional(),
    raw: MetricSource.optional(),
    rawType: z.enum(["success", "failure"]).optional(),
  })
  .refine(
    ({ good, bad, total, raw }) => (raw ? !(good || bad || total) : total && Boolean(good) !== Boolean(bad)),
    {
      error: "A ratioMetric has total with either good or bad, or raw alone.",
    },
  )
  .refine(({ raw, rawType }) => !raw || rawType !== undefined, {
    error: "A raw ratio needs rawType: success or failure.",
  });

export const SliSpec = z
  .strictObject({
    description: z.string().max(1_050).optional(),
    ratioMetric: RatioMetric.optional(),
    thresholdMetric: MetricSource.optional(),
  })
  .refine(({ ratioMetric, thresholdMetric }) => Boolean(ratioMetric) !== Boolean(thresholdMetric), {
    error: "An SLI has either ratioMetric or thresholdMetric.",
  });
export type SliSpec = z.output<typeof SliSpec>;

/** What stands in the place of a reference: an object without its version, whose kind its place tells. */
function inline<K extends string, T extends z.ZodType>(kind: K, spec: T) {
  return z.strictObject({
    apiVersion: z.literal("openslo/v1").optional(),
    kind: z.literal(kind).optional(),
    metadata: Metadata,
    spec,
  });
}

const Indicator = inline("SLI", SliSpec);

const TimeWindow = z
  .strictObject({
    duration: shorthand(),
    isRolling: z.boolean().optional(),
    calendar: z
      .strictObject({
        startTime: z
          .string()
          .refine((text) => readWallTime(text) !== undefined, "Write a start time as 2020-01-21 12:30:00."),
        timeZone: z
          .string()
          .refine(isTimeZone, "Write a time zone as its IANA name, such as America/New_York."),
      })
      .optional(),
  })
  .refine(({ isRolling, calendar }) => (isRolling ?? !calendar) !== Boolean(calendar), {
    error: "A time window is either rolling (isRolling: true) or has a calendar.",
  });
export type TimeWindow = z.output<typeof TimeWindow>;

/** A length of time; a bare number means minutes. */
const minutesOrShorthand = () =>
  z.union([
    z.number().transform((minutes): Shorthand => ({ count: minutes, unit: "m", lengthMs: minutes * 60_000 })),
    shorthand(),
  ]);

const positiveLength = () =>
  minutesOrShorthand().refine(({ lengthMs }) => lengthMs > 0, { error: "Must be over 0." });

const Objective = z
  .strictObject({
    displayName: z.string().optional(),
    op: z.enum(["lte", "gte", "lt", "gt"]).optional(),
    value: z.number().optional(),
    target: z.number().min(0).lt(1).optional(),
    targetPercent: z.number().min(0).lt(100).optional(),
    timeSliceTarget: z.number().gt(0).max(1).optional(),
    timeSliceWindow: positiveLength()
      .transform((it) => it.lengthMs)
      .optional(),
    indicator: Indicator.optional(),
    indicatorRef: z.string().optional(),
    compositeWeight: z.number().positive().optional(),
  })
  .refine(({ target, targetPercent }) => (target === undefined) !== (targetPercent === undefined), {
    error: "An objective has either target (such as 0.999) or targetPercent (such as 99.9).",
  });
export type Objective = z.output<typeof Objective>;

const AlertConditionSpec = z.strictObject({
  description: z.string().max(1_050).optional(),
  severity: z.string().min(1),
  condition: z.strictObject({
    kind: z.literal("burnrate").default("burnrate"),
    op: z.enum(["lte", "gte", "lt", "gt"]).optional(),
    threshold: z.number().positive(),
    lookbackWindow: positiveLength(),
    alertAfter: z
      .union([
        z
          .string()
          .regex(/^0[smhdw]$/)
          .transform(() => 0),
        minutesOrShorthand().transform((it) => it.lengthMs),
      ])
      .default(0),
  }),
});
export type AlertConditionSpec = z.output<typeof AlertConditionSpec>;

const NotificationTargetSpec = z.strictObject({
  target: z.string(),
  description: z.string().max(1_050).optional(),
});

const AlertPolicySpec = z.strictObject({
  description: z.string().max(1_050).optional(),
  alertWhenNoData: z.boolean().default(false),
  alertWhenResolved: z.boolean().default(false),
  alertWhenBreaching: z.boolean().default(false),
  conditions: z
    .array(
      z.union([z.strictObject({ conditionRef: z.string() }), inline("AlertCondition", AlertConditionSpec)]),
    )
    .length(1, "An alert policy has exactly one condition."),
  notificationTargets: z
    .array(
      z.union([
        z.strictObject({ targetRef: z.string() }),
        inline("AlertNotificationTarget", NotificationTargetSpec),
      ]),
    )
    .default([]),
});
export type AlertPolicySpec = z.output<typeof AlertPolicySpec>;

const SloSpecification = z.strictObject({
  description: z.string().max(1_050).optional(),
  service: z.string().min(1),
  indicator: Indicator.optional(),
  indicatorRef: z.string().optional(),
  timeWindow: z.array(TimeWindow).max(1, "An SLO has one time window.").default([]),
  budgetingMethod: z.enum(["Occurrences", "Timeslices", "RatioTimeslices"]),
  objectives: z.array(Objective).min(1),
  alertPolicies: z
    .array(
      z.union([
        z.string(),
        z.strictObject({ alertPolicyRef: z.string() }),
        inline("AlertPolicy", AlertPolicySpec),
      ]),
    )
    .default([]),
});
export type SloSpecification = z.output<typeof SloSpecification>;

function openSloKind<K extends string, T extends z.ZodType>(kind: K, spec: T) {
  const whole = z.strictObject({
    apiVersion: z.literal("openslo/v1"),
    kind: z.literal(kind),
    metadata: Metadata,
    spec,
  });
  return z.preprocess(withoutEmptyKeys, whole);
}

/** Every kind of OpenSLO v1. */
export const OPEN_SLO_KINDS = {
  SLO: openSloKind("SLO", SloSpecification),
  SLI: openSloKind("SLI", SliSpec),
  Service: openSloKind(
    "Service",
    z.strictObject({ description: z.string().max(1_050).optional() }).optional(),
  ),
  DataSource: openSloKind(
    "DataSource",
    z.strictObject({
      description: z.string().max(1_050).optional(),
      type: z.string().min(1),
      connectionDetails: z.unknown().optional(),
    }),
  ),
  AlertPolicy: openSloKind("AlertPolicy", AlertPolicySpec),
  AlertCondition: openSloKind("AlertCondition", AlertConditionSpec),
  AlertNotificationTarget: openSloKind("AlertNotificationTarget", NotificationTargetSpec),
} as const;

const AlphaMetric = z.strictObject({
  source: z.string().optional(),
  queryType: z.string().optional(),
  query: z.string(),
});

const AlphaDocument = z.strictObject({
  apiVersion: z.literal("openslo/v1alpha"),
  kind: z.literal("SLO"),
  metadata: Metadata,
  spec: z.strictObject({
    service: z.string().min(1),
    description: z.string().default(""),
    budgetingMethod: z.literal("Occurrences"),
    objectives: z
      .array(
        z.strictObject({
          displayName: z.string().optional(),
          ratioMetrics: z.strictObject({
            good: AlphaMetric,
            total: AlphaMetric,
            counter: z.boolean().optional(),
          }),
          target: z.number().gt(0).lt(1),
        }),
      )
      .min(1),
    timeWindows: z
      .array(
        z.strictObject({
          count: z.number().int().positive(),
          unit: z.literal("Day"),
          isRolling: z.boolean().optional(),
        }),
      )
      .length(1),
  }),
});
/** The older form that Sloth reads, `openslo/v1alpha`: ratio metrics of Prometheus over rolling days. */
export const OpenSloAlpha = z.preprocess(withoutEmptyKeys, AlphaDocument);
