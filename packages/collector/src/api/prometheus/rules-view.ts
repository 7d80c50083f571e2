import type { Labels } from "@tocsin/model";

/** An alert in the form of `/api/v1/alerts`. */
export interface AlertJson {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: "pending" | "firing";
  /** RFC 3339. */
  readonly activeAt?: string;
  readonly value: string;
  readonly keepFiringSince?: string;
}

interface RuleJsonBase {
  readonly name: string;
  readonly query: string;
  readonly health: "ok" | "err" | "unknown";
  readonly lastError?: string;
  /** Seconds. */
  readonly evaluationTime: number;
  /** RFC 3339; `0001-01-01T00:00:00Z` before the first evaluation. */
  readonly lastEvaluation: string;
}

export interface AlertingRuleJson extends RuleJsonBase {
  readonly type: "alerting";
  readonly labels: Labels;
  readonly state: "inactive" | "pending" | "firing" | "unknown";
  /** Seconds. */
  readonly duration: number;
  readonly keepFiringFor: number;
  readonly annotations: Labels;
  readonly alerts: readonly AlertJson[];
}

export interface RecordingRuleJson extends RuleJsonBase {
  readonly type: "recording";
  /** Absent when there are none. */
  readonly labels?: Labels;
}

/** A rule group in the form of `/api/v1/rules`. */
export interface RuleGroupJson {
  readonly name: string;
  readonly file: string;
  /** Seconds. */
  readonly interval: number;
  readonly limit: number;
  readonly rules: readonly (AlertingRuleJson | RecordingRuleJson)[];
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
}

/** What the alerting side shows of its rules; whoever evaluates rules hands one in. */
export interface RulesView {
  groups(): readonly RuleGroupJson[];
  alerts(): readonly AlertJson[];
}

/** For collectors without rules. */
export const NO_RULES: RulesView = { groups: () => [], alerts: () => [] };

/** A scrape target in the form of `/api/v1/targets`. */
export interface ActiveTargetJson {
  readonly discoveredLabels: Labels;
  readonly labels: Labels;
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly globalUrl: string;
  readonly lastError: string;
  readonly lastScrape: string;
  /** Seconds. */
  readonly lastScrapeDuration: number;
  readonly health: "up" | "down" | "unknown";
  readonly scrapeInterval: string;
  readonly scrapeTimeout: string;
}

/** What the scrape manager shows of its targets. */
export interface TargetsView {
  active(): readonly ActiveTargetJson[];
  dropped(): readonly { readonly discoveredLabels: Labels; readonly scrapePool: string }[];
}

export const NO_TARGETS: TargetsView = { active: () => [], dropped: () => [] };
