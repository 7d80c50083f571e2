import type { Labels, UnixMs } from "@tocsin/model";

/**
 * What was known when an alert fired. It is stored with the alert, so it outlives the retention of the data.
 * Everything here is a counted fact with its numbers; there is no prose to believe or not.
 */
export interface Evidence {
  readonly atMs: UnixMs;
  /** The rule's expression, or the SLO's condition, in the words of the config. */
  readonly condition?: string;
  /** The windows that were looked at, each with its counts and the limit it was held against. */
  readonly windows?: readonly EvidenceWindow[];
  /** Values of the expression (or of its parts) when it fired. */
  readonly values?: readonly EvidenceValue[];
  /** How the value of the rule's expression went, and the limit that it was held against. */
  readonly history?: EvidenceHistory;
  /** Deployments, scalings and edits shortly before. */
  readonly changes?: readonly EvidenceChange[];
  /** Where the bad events are: the largest shares first, by route, version, instance or error type. */
  readonly where?: readonly EvidenceShare[];
  readonly traceIds?: readonly string[];
  readonly logCount?: number;
}

/** A value at even steps of time; null where there was none. */
export interface EvidenceHistory {
  readonly startMs: UnixMs;
  readonly stepMs: number;
  readonly values: readonly (number | null)[];
  /** What the values are of, and the comparison that makes the alert: `> 0.05`. */
  readonly expression?: string;
  readonly operator?: string;
  readonly threshold?: number;
}

/** One burn-rate window. Ratios 0 to 1; burn rate 1 spends the budget exactly in the SLO window. */
export interface EvidenceWindow {
  readonly window: string;
  readonly bad: number;
  readonly total: number;
  readonly errorRatio: number;
  readonly burnRate: number;
  readonly limit: number;
  /** Since when this window has been over its limit. */
  readonly overSinceMs?: UnixMs;
  /** Burn rates of the window as of earlier moments. */
  readonly history?: EvidenceHistory;
}

export interface EvidenceValue {
  readonly name: string;
  readonly labels?: Labels;
  readonly value: number;
}

export interface EvidenceChange {
  readonly atMs: UnixMs;
  /** Such as `deploy`, `scale`, `rule`. */
  readonly kind: string;
  /** Such as `checkout 1.41.3 → 1.42.0`. */
  readonly text: string;
}

export interface EvidenceShare {
  /** What it is grouped by, such as `route`, `version`, `error`. */
  readonly by: string;
  readonly value: string;
  readonly bad: number;
  readonly total: number;
  /** Share of all bad events, 0 to 1. */
  readonly share: number;
}

/** What a collector of evidence is told of an alert. */
export interface ExplainableAlert {
  readonly labels: Labels;
  readonly rule: string;
  readonly activeAtMs: UnixMs;
  /** What the rule itself knew. */
  readonly evidence?: Evidence | undefined;
}

/** Adds what a rule cannot know (deployments near, top routes, sample traces) when an alert fires. It may fail. */
export interface EvidenceCollector {
  /** Facts for the first message. It has half a second; the alert then goes out without. */
  collect(alert: ExplainableAlert, nowMs: UnixMs): Promise<Partial<Evidence>>;
  /** Facts that take longer. Nobody waits for them; they are kept with the alert, and in messages from then on. */
  collectLater?(alert: ExplainableAlert, nowMs: UnixMs): Promise<Partial<Evidence>>;
}
