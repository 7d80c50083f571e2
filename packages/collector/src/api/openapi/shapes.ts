import { z } from "zod";
import { SATURATION_PARTS } from "../../signals/saturation-parts.js";

/**
 * What Tocsin's own API answers, as far as programs may rely on it. Objects may gain keys; those named here stay.
 * Ratios are 0–1, durations seconds where the name says so, instants ISO 8601.
 */

const Instant = z.iso.datetime().describe("ISO 8601, UTC.");
const Ratio = z.number().describe("0–1.");
const Quantiles = z.looseObject({
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  p99: z.number().nullable(),
});

const Figures = z.looseObject({
  requests: z.number().describe("In the window that the figures are of; not whole where spans were sampled."),
  errors: z.number(),
  trafficPerSecond: z.number(),
  errorRatio: Ratio.nullable().describe("Null without requests."),
  latencySeconds: Quantiles,
  latencyRelativeErrors: Quantiles.describe(
    "How far each quantile may be off, as a share of it: under 0.05, or what the sender's buckets allow. Null without a quantile, and for one beyond the sender's last bucket, which is that great at least.",
  ),
  latencyRelativeError: z.number().nullable().describe("The greatest of them; null where one is null."),
});

export const Service = Figures.extend({
  service: z.string(),
  version: z.string(),
  environment: z.string(),
  saturation: z.looseObject({
    ratio: z
      .number()
      .nullable()
      .describe("How full the fullest part is; 1 is full, some go over. Null when nothing was measured."),
    part: z.enum(SATURATION_PARTS).nullable().describe("Which part that is."),
    instance: z
      .string()
      .nullable()
      .describe("Of which process: its pod, its service.instance.id, or its host."),
    parts: z
      .partialRecord(z.enum(SATURATION_PARTS), z.number())
      .describe("Every part, of its fullest instance."),
    readings: z
      .array(
        z.looseObject({
          part: z.enum(SATURATION_PARTS),
          ratio: z.number().describe("value / fullAt"),
          value: z.number(),
          unit: z.enum(["ratio", "seconds", "cpus", "bytes", "requests", "connections"]),
          fullAt: z.number(),
          metric: z.string().describe("Which metric was read."),
          name: z.string().describe("Which one of several: of a connection pool its name."),
          instance: z.string(),
        }),
      )
      .describe("Every part with what was measured and where, fullest first."),
    inFlight: z.number().nullable().describe("Requests being answered at this moment, over all instances."),
    eventLoopDelaySeconds: z
      .number()
      .nullable()
      .describe("Worst 99th percentile over the instances, less the sampler's own resolution."),
  }),
  messaging: z
    .array(
      z.looseObject({
        system: z.string().describe("messaging.system, such as kafka or aws_sqs."),
        destination: z.string(),
        consumerGroup: z.string(),
        lagMessages: z.number().nullable().describe("Messages that wait; null where no metric tells."),
        oldestSeconds: z.number().nullable().describe("How long the oldest of them has waited."),
        ageSeconds: Quantiles.describe("How old messages were when they were handled, over the last minute."),
        followed: z.number().describe("Of how many messages the age is known."),
      }),
    )
    .describe("What the service consumes, the longest queue first."),
  source: z.enum(["metrics", "spans"]).describe("What requests were counted by."),
  work: z.enum(["requests", "messages", "jobs"]).describe("What it does; jobs: nothing but jobs."),
  windowSeconds: z
    .number()
    .describe("Over which time the figures are: 60, of a service that runs jobs 3600."),
  foldedRoutes: z.number().describe("Routes that were not told apart because there are too many."),
  state: z.enum(["receiving", "quiet"]),
  firstSeenAt: Instant,
  lastSeenAt: Instant,
});

export const Deployment = z.looseObject({
  id: z.string(),
  service: z.string(),
  environment: z.string(),
  version: z.string(),
  previousVersion: z
    .string()
    .describe("Empty when not known; equal to version when something else of the release changed."),
  image: z.string().describe("Empty where the service does not tell, as the next two."),
  revision: z.string(),
  rollout: z.string(),
  changed: z.array(z.enum(["version", "image", "revision", "rollout"])),
  at: Instant,
  source: z.enum(["detected", "marked"]),
  by: z.string().describe("Who marked it, or empty."),
  before: Figures.nullable().describe(
    "Of what served before, over the ten minutes before; requests is the sample size. Null when it was not seen.",
  ),
  after: Figures.nullable().describe("Of this release since then, for an hour at most."),
  verdict: z.enum(["better", "same", "worse", "too little data"]),
});

export const ServiceDetail = Service.extend({
  routes: z.array(Figures.extend({ route: z.string() })),
  groups: z
    .array(
      z.looseObject({
        attribute: z.string(),
        values: z.array(Figures.extend({ value: z.string() })),
        folded: z.number().describe("Values that were not told apart; they are counted as {other}."),
      }),
    )
    .describe("By the attributes of signals.group_by."),
  jobs: z
    .array(
      Figures.extend({
        job: z.string(),
        lastSuccessAt: Instant.nullable(),
        lastFailureAt: Instant.nullable(),
        lastDurationSeconds: z.number(),
      }),
    )
    .describe("Internal spans without a parent, by name; figures of the last hour."),
  dependencies: z.looseObject({ outgoing: z.array(z.unknown()), incoming: z.array(z.unknown()) }),
  deployments: z.array(Deployment),
});

const BadEvents = z.looseObject({ bad: z.number(), total: z.number() });

const PairState = z.enum(["ok", "firing", "gated", "no-data"]);

export const Slo = z.looseObject({
  name: z.string(),
  service: z.string(),
  objective: Ratio,
  window: z.string().describe("30d, or a calendar period."),
  sli: z.looseObject({ type: z.string() }),
  good: z.number(),
  total: z.number(),
  budgetRemainingRatio: z.number().describe("1 when nothing is spent, negative when overspent."),
  burnRates: z
    .record(z.string(), z.number().nullable())
    .describe("By window; 1 spends the budget exactly in the period, null without events."),
  exhaustionAt: Instant.nullable(),
  alerts: z.array(
    z.looseObject({
      severity: z.enum(["page", "ticket"]),
      shortWindow: z.string(),
      longWindow: z.string(),
      limit: z.number().describe("The burn rate that both windows must be over."),
      state: PairState.describe(
        "gated: both windows are over the limit, but so few events prove nothing yet. no-data: the long one is over it, and nothing happened in the short one.",
      ),
      short: BadEvents.extend({ burnRate: z.number() }),
      long: BadEvents.extend({ burnRate: z.number() }),
    }),
  ),
});

export const SloDetail = Slo.extend({
  place: z.string().nullable().describe("File and line where it is written."),
  groups: z.array(z.record(z.string(), z.string())).describe("Of an SLO with `by`: what may be chosen."),
  actions: z.looseObject({ page: z.array(z.string()), ticket: z.array(z.string()) }),
  spentBy: z
    .array(
      BadEvents.extend({
        by: z.enum(["route", "version", "error", "slo"]),
        value: z.string(),
        share: Ratio.describe("Of all bad events of the period."),
        budgetRatio: z
          .number()
          .describe("Of the period's whole budget; over 1 when that alone overspends it."),
      }),
    )
    .describe(
      "What spent the period's budget: routes, versions and error types with the most bad events; of a composite its parts. Empty where nothing was spent, and for SLOs read by PromQL.",
    ),
  burnDown: z.array(
    z.looseObject({
      at: Instant,
      budgetRemainingRatio: z.number(),
      evenPaceRatio: z.number().describe("What an even pace would have left."),
    }),
  ),
  months: z.array(BadEvents.extend({ month: z.string() })),
  corrections: z.array(
    z.looseObject({ at: Instant, from: Instant, to: Instant, reason: z.string(), by: z.string() }),
  ),
});

export const Alert = z.looseObject({
  id: z.string(),
  fingerprint: z.string(),
  state: z.enum(["pending", "firing", "resolved", "no-data", "error"]),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
});

export const Action = z.looseObject({
  id: z.string(),
  action: z.string(),
  mode: z.enum(["dry-run", "approve", "auto"]),
  state: z.string(),
  plan: z.unknown(),
  decidedAt: Instant,
  verdict: z.string().nullable().describe("helped, no effect or worse; null until it was measured."),
});

export const TracePage = z.looseObject({
  traces: z.array(z.looseObject({ traceId: z.string(), rootService: z.string(), spanCount: z.number() })),
  nextCursor: z.string().nullable(),
});

export const SpanGroups = z.looseObject({
  by: z.string(),
  groups: z.array(
    z.looseObject({
      key: z.string(),
      spanCount: z.number(),
      errorCount: z.number(),
      latencySeconds: z.looseObject({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() }),
    }),
  ),
  isTruncated: z.boolean(),
});

export const Trace = z.looseObject({
  traceId: z.string(),
  spans: z.array(z.looseObject({ spanId: z.string() })),
});

export const LogPage = z.looseObject({ logs: z.array(z.looseObject({})), nextCursor: z.string().nullable() });

export const Status = z.looseObject({
  version: z.string(),
  mode: z.string(),
  ready: z.boolean(),
  notReady: z.array(z.string()).describe("Why not."),
});

export const Fault = z.looseObject({ error: z.unknown() });

export const Silence = z.looseObject({
  id: z.string(),
  state: z
    .enum(["active", "pending", "expired"])
    .describe("One that recurs is pending between its stretches."),
  matchers: z.string().describe('As text, `{service="cart"}`.'),
  startsAt: Instant,
  endsAt: Instant,
  recurs: z.string().nullable().describe("In words, such as: sunday 02:00-04:00 Europe/Berlin."),
  createdBy: z.string(),
  comment: z.string(),
  mutes: z.number().int().optional().describe("Alerts that fire now and are muted by it."),
  endsSoon: z.boolean().optional().describe("It is about to end while what it mutes still fires."),
});

const SilenceEnd = {
  for: z.string().optional().describe("From now, such as 2h. This, or endsAt."),
  endsAt: Instant.optional(),
};

export const NewSilence = z.strictObject({
  matchers: z
    .array(z.union([z.string(), z.looseObject({})]))
    .describe('As text, `service="cart"`, or in the form of Alertmanager\'s API.'),
  ...SilenceEnd,
  startsAt: Instant.optional().describe("Default: now."),
  every: z.string().optional().describe('It mutes only then, such as "sunday 02:00-04:00".'),
  zone: z.string().optional().describe("IANA name of the time zone of every; default UTC."),
  by: z.string().optional().describe("Who; the name of a token goes first."),
  comment: z.string().describe("Why."),
});

export const SilenceExtension = z.strictObject({ ...SilenceEnd, comment: z.string().optional() });

export const SilencePreview = z.looseObject({
  firing: z.array(z.looseObject({ id: z.string(), labels: z.record(z.string(), z.string()) })),
  firingInAll: z.number().int(),
  knownCount: z.number().int().describe("Different alerts that matched now or in the last 90 days."),
  similar: z.array(Silence.extend({ relation: z.enum(["same", "wider", "narrower"]) })),
});
