import { duration, ratio } from "@tocsin/model/config";
import { z } from "zod";
import { isTimeZone, readWallTime } from "./calendar.js";

const PromqlText = z.string().min(1);

const timeZone = () =>
  z.string().refine(isTimeZone, {
    error: (issue) => `"${issue.input}" is not a time zone. Write an IANA name such as Europe/Berlin or UTC.`,
  });

const CalendarWindow = z.strictObject({
  calendar: z
    .enum(["hour", "day", "week", "month", "quarter", "year"])
    .describe("Unit at whose beginning the budget is full again."),
  count: z.number().int().min(1).max(12).default(1).describe("How many units one period has."),
  time_zone: timeZone().default("UTC").describe("IANA name of the zone whose clock begins the period."),
  start: z
    .string()
    .refine((text) => readWallTime(text) !== undefined, {
      error: (issue) => `"${issue.input}" is not a date. Write 2026-01-01 or 2026-01-01 12:00:00.`,
    })
    .optional()
    .describe(
      "A moment at which one period begins; default: midnight of the unit's first day (weeks: Monday).",
    ),
});

const RequestSliConfig = {
  routes: z
    .array(z.string())
    .optional()
    .describe("Count only requests of these routes, such as `/pay` (any method) or `POST /pay`."),
};

const everyMinute = (description: string) =>
  duration()
    .refine((everyMs) => everyMs >= 1_000, { error: "Look at most once a second." })
    .default(60_000)
    .describe(description);

/** What is measured. */
export const SliConfig = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("availability").describe("Good: answered without a server error."),
    ...RequestSliConfig,
  }),
  z.strictObject({
    type: z.literal("latency").describe("Good: answered within the threshold."),
    threshold: duration().describe("Slowest answer that is good, such as 300ms."),
    ...RequestSliConfig,
  }),
  z
    .strictObject({
      type: z.literal("ratio").describe("Events counted by PromQL."),
      good: PromqlText.optional().describe("Good events: a counter, or a rate over [$window]."),
      bad: PromqlText.optional().describe("Bad events, instead of good."),
      total: PromqlText.describe("All events, in the same form."),
      counter: z
        .boolean()
        .default(true)
        .describe(
          "Without [$window]: whether the queries are counters; false for numbers of events per look.",
        ),
      every: everyMinute("How often to read."),
    })
    .refine((sli) => (sli.good === undefined) !== (sli.bad === undefined), {
      error: "A ratio needs either good or bad beside total, and not both.",
    }),
  z.strictObject({
    type: z.literal("threshold").describe("A value read by PromQL; each look is one event."),
    query: PromqlText,
    op: z.enum(["lt", "lte", "gt", "gte"]).describe("The look is good when `value-of-query op value`."),
    value: z.number(),
    every: everyMinute("How often to look."),
  }),
  z.strictObject({
    type: z.literal("error_ratio").describe("A ratio of bad events that PromQL already gives (0–1)."),
    query: PromqlText,
    every: everyMinute("How often to read."),
  }),
  z.strictObject({
    type: z
      .literal("saturation")
      .describe("Each look is good while the service's worst resource is below the limit."),
    below: ratio().describe("Highest saturation that is good, such as 80%."),
    every: duration().default(10_000).describe("How often to look."),
  }),
  z.strictObject({
    type: z
      .literal("freshness")
      .describe("Each look is good while the last success of a job is young enough."),
    max_age: duration().describe("Oldest last success that is good."),
    query: PromqlText.optional().describe(
      "Unix time of the last success; default: the last request of the service that did not fail.",
    ),
    every: everyMinute("How often to look."),
    ...RequestSliConfig,
  }),
  z.strictObject({
    type: z.literal("composite").describe("Several SLOs as one."),
    parts: z
      .array(
        z.strictObject({
          slo: z.string().describe("Name of another SLO."),
          weight: z.number().positive().default(1).describe("How much its burn rate weighs."),
        }),
      )
      .min(1),
  }),
]);
export type SliConfig = z.infer<typeof SliConfig>;

const PairConfig = z
  .strictObject({
    severity: z.enum(["page", "ticket"]),
    short: duration().describe("Short window: the alert ends soon after the errors do."),
    long: duration().describe("Long window: how much history must agree."),
    budget: ratio()
      .optional()
      .describe("Share of the budget spent within the long window at the limit, such as 2%."),
    burn_rate: z.number().positive().optional().describe("The limit itself, instead of `budget`."),
  })
  .refine((pair) => (pair.budget === undefined) !== (pair.burn_rate === undefined), {
    error: "A window pair needs either budget (such as 2%) or burn_rate (such as 14.4), and not both.",
  })
  .refine((pair) => pair.short > 0 && pair.short <= pair.long, {
    error: "The short window of a pair must be over 0 and no longer than the long one.",
  });

const SeverityConfig = z
  .strictObject({
    enabled: z.boolean().default(true).describe("Whether alerts of this severity are raised."),
    labels: z.record(z.string(), z.string()).default({}).describe("Added to alerts of this severity."),
    annotations: z
      .record(z.string(), z.string())
      .default({})
      .describe("Added to alerts of this severity, before those of the SLO."),
  })
  .prefault({});

const AlertingConfig = z.strictObject({
  name: z.string().default("ErrorBudgetBurn").describe("The `alertname`."),
  pairs: z.array(PairConfig).min(1).optional().describe("Window pairs instead of the four default ones."),
  evidence_gate: z
    .boolean()
    .default(true)
    .describe(
      "Also ask that the exact 95 % lower bound of the error ratio is over the limit, so that few requests do not page.",
    ),
  no_data: z
    .enum(["keep", "alert", "ok"])
    .default("keep")
    .describe("While events are missing: keep a firing alert, raise one, or let it resolve."),
  for: duration().default(0).describe("How long a pair must be over its limit before its alert fires."),
  page: SeverityConfig,
  ticket: SeverityConfig,
});

const CorrectionConfig = z.union([
  z.strictObject({
    from: z.iso.datetime({ offset: true }).describe("Start, such as 2026-01-10T02:00:00Z."),
    to: z.iso.datetime({ offset: true }).describe("End, not included."),
    reason: z.string().min(1),
  }),
  z.strictObject({
    days: z.array(z.enum(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])).min(1),
    between: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$/, "Write hours as 02:00-04:00.")
      .describe("Hours of those days, such as 02:00-04:00; an earlier end lies on the next day."),
    time_zone: timeZone().default("UTC"),
    reason: z.string().min(1),
  }),
]);

/** One SLO in the short form of `tocsin.yaml`. */
export const SloConfig = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/, "Names have letters, digits, '.', '_' and '-' only."),
  description: z.string().default(""),
  service: z.string().describe("`service.name` of the service whose users the promise is made to."),
  environment: z.string().optional().describe("Only this `deployment.environment.name`; default: all."),
  objective: ratio()
    .refine((value) => value > 0 && value < 1, { error: "An objective is over 0 % and below 100 %." })
    .describe("Share of good events that is promised, such as 99.9%."),
  window: z
    .union(
      [
        duration().refine((lengthMs) => lengthMs >= 300_000, {
          error: "A window has at least 5m; m stands for minutes, and a month is 30d.",
        }),
        CalendarWindow,
      ],
      {
        error: (issue) =>
          `${JSON.stringify(issue.input)} is not a window. Write a length such as 30d (a month is 30d, since m stands for minutes), or { calendar: month }.`,
      },
    )
    .default(2_592_000_000)
    .describe("Period over which the error budget refills: a length (30d), or a calendar period."),
  sli: SliConfig,
  budgeting: z
    .discriminatedUnion("method", [
      z.strictObject({ method: z.literal("occurrences") }),
      z.strictObject({
        method: z.literal("timeslices"),
        slice: duration().default(60_000).describe("Length of a slice."),
        target: ratio().describe("Share of good events that makes a slice good."),
      }),
      z.strictObject({
        method: z.literal("ratio_timeslices"),
        slice: duration().default(60_000).describe("Length of a slice."),
      }),
    ])
    .default({ method: "occurrences" })
    .describe("How events become spent budget: every event alike, or every slice of time alike."),
  by: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "One SLO per value of these, from this one entry: route, version, environment, or attributes of signals.group_by.",
    ),
  alerting: AlertingConfig.prefault({}),
  labels: z.record(z.string(), z.string()).default({}).describe("Added to its alerts."),
  annotations: z
    .record(z.string(), z.string())
    .default({})
    .describe("Added to its alerts, such as runbook_url."),
  actions: z
    .strictObject({
      page: z.array(z.string()).default([]).describe("Actions considered when it pages."),
      ticket: z.array(z.string()).default([]).describe("Actions considered when it opens a ticket."),
    })
    .prefault({}),
  corrections: z.array(CorrectionConfig).default([]).describe("Times whose events do not count."),
});
export type SloConfig = z.infer<typeof SloConfig>;

/** The `slos` section of `tocsin.yaml`. */
export const SlosConfig = z.array(SloConfig).default([]);
export type SlosConfig = z.infer<typeof SlosConfig>;

/** The `slo_files` section of `tocsin.yaml`. */
export const SloFilesConfig = z.array(z.string().min(1)).default([]);
