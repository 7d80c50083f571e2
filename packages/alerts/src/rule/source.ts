import type { Labels, UnixMs } from "@tocsin/model";
import type { Evidence } from "../explain/evidence.js";

/** What the state machine needs to know of a rule. Sources hand out the same object on every evaluation. */
export interface AlertRule {
  /** The `alertname`, unique enough to be read; several rules of a source may share it. */
  readonly name: string;
  /** Distinguishes rules of one source across restarts and reloads; the state of an alert is kept under it. */
  readonly id: string;
  /** How long the condition must hold before the alert fires. */
  readonly forMs: number;
  /** How long the alert goes on firing after the condition last held. */
  readonly keepFiringForMs: number;
  /**
   * What to do when the rule's series do not exist: `ok` is Prometheus's behaviour (nothing to alert on),
   * `alert` raises an alert in the state `no-data`, `keep` leaves firing alerts as they are.
   */
  readonly onNoData: "ok" | "alert" | "keep";
  /** What to do when the rule cannot be evaluated: `keep` leaves its alerts as they are, `alert` also raises one. */
  readonly onError: "keep" | "alert";
  /** Labels and annotations of the rule itself, for alerts that have no sample (no-data, error). */
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Most alerts, pending ones included, that the rule may have; beyond it the rule fails and has none. 0: no limit. */
  readonly limit?: number;
  /** Names of actions to consider when an alert of this rule fires. */
  readonly actions: readonly string[];
  /**
   * Labels of the rule that leads the same incident, such as the page of an SLO whose ticket this is. Alerts that reach the
   * leading alert's receiver are told together with it.
   */
  readonly leadLabels?: Labels;
  /** The condition in the words of the config: the PromQL expression, or the SLO's window pair. */
  readonly condition: string;
  /** The PromQL expression as Prometheus prints it, where the condition is one. */
  readonly query?: string;
  /** Where the rule stands, `rules/cart.yaml:9`, when it came from a file. */
  readonly place?: string;
  /** A path below the external URL that shows the rule. Default: Prometheus's graph link of `query` or `condition`. */
  readonly path?: string;
}

/** One label set for which the condition holds now. */
export interface ActiveSample {
  /** All labels of the alert except `alertname`, which the state machine adds. Templates are expanded. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly value: number;
  /** Called once, when the alert goes from pending to firing. */
  readonly evidence?: () => Partial<Evidence>;
}

export type RuleOutcome =
  | { readonly kind: "samples"; readonly samples: readonly ActiveSample[] }
  /** The series that the rule reads do not exist, as far as the source can tell. */
  | { readonly kind: "no-data" }
  | { readonly kind: "error"; readonly error: Error };

/** The outcome of evaluating one alerting rule once. */
export interface RuleResult {
  readonly rule: AlertRule;
  readonly outcome: RuleOutcome;
  /** How long the evaluation took, where it was measured. */
  readonly durationMs?: number;
}

/**
 * Something that knows alert rules and can evaluate them: a Prometheus rule group, or the SLOs of a collector.
 * All sources share one state machine, routing and outbox.
 */
export interface AlertRuleSource {
  /** Unique among the sources, and stable over restarts: the state of its alerts is kept under it. */
  readonly name: string;
  /** Time between two evaluations, in milliseconds. */
  readonly intervalMs: number;
  /** The rules as they stand now; shown, and used to forget the alerts of rules that are gone. */
  rules(): readonly AlertRule[];
  /** Recording rules evaluated so far, and how many of those evaluations failed; for metrics. */
  readonly recorded?: { readonly evaluations: number; readonly failures: number };
  /**
   * Evaluates every rule as of `nowMs`, in order. A failed rule is an outcome, not an exception. An async
   * iterable lets the state of one rule be written before the next is evaluated, which rule groups need.
   *
   * @param signal aborted when nobody wants the results any more
   */
  evaluate(nowMs: UnixMs, signal?: AbortSignal): Promise<readonly RuleResult[]> | AsyncIterable<RuleResult>;
}
