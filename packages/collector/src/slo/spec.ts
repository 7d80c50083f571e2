import type { Labels } from "@tocsin/model";
import type { CalendarPeriod } from "./calendar.js";
import type { Correction } from "./correction.js";
import type { Severity, WindowPair } from "./window-pair.js";

/** Over what an error budget refills. */
export type Period = { readonly kind: "rolling"; readonly lengthMs: number } | CalendarPeriod;

/** What a request needs to be good. */
export interface RequestSli {
  readonly kind: "availability" | "latency";
  /** latency: answered within this time (inclusive) is good. */
  readonly thresholdSeconds: number;
  /** Only these routes; empty for all. */
  readonly routes: readonly string[];
}

/** How a value is held against a limit. */
export type Comparison = "lt" | "lte" | "gt" | "gte";

/**
 * How a query tells how many events there were: a counter (its growth), a rate over `[$window]` (times the window), or
 * the number of events itself.
 */
export type QueryForm = "counter" | "rate" | "value";

/** Counts read by PromQL. `$window` in a query stands for the time since the last look. */
export interface QuerySli {
  readonly kind: "ratio";
  readonly form: QueryForm;
  readonly good: string | undefined;
  readonly bad: string | undefined;
  readonly total: string;
  readonly everyMs: number;
}

/** One look every `everyMs`: good or bad as a whole, or (raw) bad by a share. */
export type SampledSli = { readonly everyMs: number } & (
  | { readonly kind: "threshold"; readonly query: string; readonly op: Comparison; readonly value: number }
  | { readonly kind: "raw"; readonly query: string; readonly isErrorRatio: boolean }
  | { readonly kind: "saturation"; readonly below: number }
  | {
      readonly kind: "freshness";
      readonly maxAgeMs: number;
      readonly query: string | undefined;
      readonly routes: readonly string[];
    }
);

/** Several SLOs as one: the budget is spent as fast as all of its parts together spend theirs. */
export interface CompositeSli {
  readonly kind: "composite";
  readonly parts: readonly { readonly slo: string; readonly weight: number }[];
}

/** An indicator that we cannot read, such as a plugin of another program: the SLO is listed, and has no data. */
export interface UnreadableSli {
  readonly kind: "unreadable";
  readonly why: string;
}

export type Sli = RequestSli | QuerySli | SampledSli | CompositeSli | UnreadableSli;

/** How events become spent budget. */
export type Budgeting =
  | { readonly kind: "occurrences" }
  /** A slice of time is bad when its share of good events is below `target`. */
  | { readonly kind: "timeslices"; readonly sliceMs: number; readonly target: number }
  /** Every slice of time counts alike, with its own share of good events. */
  | { readonly kind: "ratio-timeslices"; readonly sliceMs: number };

/** An SLO in the one form that the rest of the collector works with, whatever file it came from. */
export interface SloSpec {
  readonly name: string;
  readonly description: string;
  readonly service: string;
  /** Only this environment; undefined for all. */
  readonly environment: string | undefined;
  /** Target ratio of good events, over 0 and below 1. */
  readonly objective: number;
  readonly period: Period;
  readonly sli: Sli;
  readonly budgeting: Budgeting;
  /** route, version, environment, or attributes of `signals.group_by`: one group per value. */
  readonly by: readonly string[];
  readonly pairs: readonly WindowPair[];
  /** Whether alerts also need evidence (see `evidence.ts`). */
  readonly evidenceGate: boolean;
  /** keep: a firing alert stays while events are missing. alert: missing events raise one. ok: they resolve it. */
  readonly onNoData: "keep" | "alert" | "ok";
  /** How long a condition must hold before its alert fires. */
  readonly forMs: number;
  readonly alertName: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Labels of one severity only, as Sloth has them. */
  readonly severityLabels: Readonly<Record<Severity, Labels>>;
  /** Annotations of one severity only; they go before those of both. */
  readonly severityAnnotations: Readonly<Record<Severity, Labels>>;
  /** Alerts of these severities are not raised. */
  readonly disabled: readonly Severity[];
  readonly actions: Readonly<Record<Severity, readonly string[]>>;
  readonly corrections: readonly Correction[];
  /** `tocsin.yaml:14`, when it came from a file. */
  readonly place: string | undefined;
}

/** 1 − objective: the ratio of bad events that the SLO allows. */
export function errorBudgetOf(spec: { readonly objective: number }): number {
  return 1 - spec.objective;
}
