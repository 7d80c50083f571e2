import { type Cancel, type Clock, type Logger, messageOf, type UnixMs } from "@tocsin/model";
import type { Alert } from "../alert.js";
import type { EvidenceCollector } from "../explain/evidence.js";
import { fingerprint } from "../fingerprint.js";
import type { JournalRecord } from "../journal.js";
import { queryEscape } from "../template/builtins.js";
import { alertSeries } from "./alert-series.js";
import { type AlertStore, PENDING_REFRESH_MS, stateRecord } from "./alert-store.js";
import { type Change, EvidenceGatherer } from "./evidence-gatherer.js";
import type { SampleSink } from "./sample-sink.js";
import type { AlertRule, AlertRuleSource, RuleResult } from "./source.js";
import { shiftAlerts, stepRule, type TrackedAlert } from "./state.js";

export interface EvaluatorDeps {
  readonly store: AlertStore;
  readonly write: (record: JournalRecord) => Promise<void>;
  /** Told of every alert that is on or has just resolved, after the change is written down. */
  readonly publish: (alerts: readonly TrackedAlert[], changed: readonly TrackedAlert[]) => void;
  readonly appendSamples: SampleSink | undefined;
  /** Adds to the evidence of alerts that begin to fire. */
  readonly evidence: EvidenceCollector | undefined;
  /** Told of an alert whose evidence has grown after it was published. */
  readonly explained: (alert: TrackedAlert, nowMs: UnixMs) => void;
  readonly externalUrl: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const CLOSE_PATIENCE_MS = 5_000;
/** What one rule did last. */
export interface RuleStatus {
  readonly rule: AlertRule;
  readonly health: "unknown" | "ok" | "no-data" | "error";
  readonly error: string | undefined;
  readonly alerts: readonly Alert[];
  readonly evaluatedAtMs: UnixMs | undefined;
  readonly durationMs: number;
}

/** Evaluates one source at its interval: steps the state of every rule, writes changes down, publishes them. */
export class SourceEvaluator {
  readonly source: AlertRuleSource;
  readonly startedAtMs: UnixMs;
  readonly #deps: EvaluatorDeps;
  readonly #health = new Map<string, Omit<RuleStatus, "rule" | "alerts">>();
  readonly #gatherer: EvidenceGatherer | undefined;
  readonly #abort = new AbortController();
  #cancel: Cancel | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;
  #lastSlotMs: UnixMs | undefined;
  #refreshedAtMs: UnixMs;
  #missed = 0;
  #evaluations = 0;
  readonly #rules = { evaluations: 0, failures: 0 };
  #lastDurationMs = 0;
  #lastAtMs: UnixMs | undefined;

  constructor(source: AlertRuleSource, deps: EvaluatorDeps) {
    this.source = source;
    this.#deps = deps;
    const { evidence } = deps;
    this.#gatherer = evidence && new EvidenceGatherer(source.name, { ...deps, evidence });
    this.startedAtMs = deps.clock.now();
    this.#refreshedAtMs = this.startedAtMs;
  }

  /** Evaluations that could not start in time, because the one before was still running. */
  get missedIterations(): number {
    return this.#missed;
  }

  get evaluations(): number {
    return this.#evaluations;
  }

  /** Evaluations of single rules, recording rules included, and how many of them failed. */
  get ruleCounts(): { readonly evaluations: number; readonly failures: number } {
    const { evaluations, failures } = this.source.recorded ?? { evaluations: 0, failures: 0 };
    return {
      evaluations: this.#rules.evaluations + evaluations,
      failures: this.#rules.failures + failures,
    };
  }

  get lastDurationMs(): number {
    return this.#lastDurationMs;
  }

  get lastEvaluatedAtMs(): UnixMs | undefined {
    return this.#lastAtMs;
  }

  status(): RuleStatus[] {
    return this.source.rules().map((rule) => {
      const alerts = [...this.#deps.store.get(this.source.name, rule.id).values()].map(({ alert }) => alert);
      const known = this.#health.get(rule.id);
      const unknown = {
        health: "unknown" as const,
        error: undefined,
        evaluatedAtMs: undefined,
        durationMs: 0,
      };
      return { rule, alerts, ...(known ?? unknown) };
    });
  }

  start(): void {
    this.#schedule();
  }

  /**
   * Stops after the rule in hand; what it answers is not taken any more. A query or a disk that never answers is left
   * behind after a while, so that no rule can keep a collector from ending or from taking other rules.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    this.#abort.abort();
    if (!this.#running) return;
    let cancel: Cancel = () => {};
    const patience = new Promise<void>((resolve) => {
      cancel = this.#deps.clock.after(CLOSE_PATIENCE_MS, () => {
        this.#deps.logger.warn({ source: this.source.name }, "an evaluation does not end and is left behind");
        resolve();
      });
    });
    await Promise.race([this.#running, patience]);
    cancel();
  }

  /** Slots are spread by the source's name, so that a thousand groups do not all start at the full minute. */
  #schedule(): void {
    if (this.#isClosed) return;
    const nowMs = this.#deps.clock.now();
    const slotMs = nextSlot(nowMs, this.source);
    if (this.#lastSlotMs !== undefined) {
      const behind = Math.floor((slotMs - this.#lastSlotMs) / this.source.intervalMs) - 1;
      if (behind > 0) this.#missed += behind;
    }
    const expectedMs = slotMs - nowMs;
    this.#cancel = this.#deps.clock.after(expectedMs, () => {
      this.#running = this.#tick(nowMs, slotMs).finally(() => this.#schedule());
    });
  }

  async #tick(scheduledAtMs: UnixMs, slotMs: UnixMs): Promise<void> {
    const nowMs = this.#deps.clock.now();
    const jumpMs = nowMs - slotMs;
    // A timer that fires far from where the clock says it should: the clock was set, or the machine slept. Neither
    // time was seen by any rule, so it does not count towards `for`.
    if (Math.abs(jumpMs) > Math.max(10_000, 2 * this.source.intervalMs)) {
      this.#deps.logger.warn(
        { source: this.source.name, jumpMs, scheduledAtMs },
        "the clock jumped, alerts are moved with it",
      );
      this.#deps.store.update(this.source.name, (alerts) => shiftAlerts(alerts, jumpMs));
      this.#lastSlotMs = undefined;
      await this.evaluate(nowMs);
      return;
    }
    this.#lastSlotMs = slotMs;
    await this.evaluate(slotMs);
  }

  /** One evaluation as of `nowMs`. Never throws: what fails is the state of a rule, or logged. */
  async evaluate(nowMs: UnixMs): Promise<void> {
    const startedMs = performance.now();
    try {
      await this.#evaluateRules(nowMs);
    } catch (error) {
      this.#deps.logger.error(
        { source: this.source.name, error: messageOf(error) },
        "rules could not be evaluated",
      );
    }
    this.#lastDurationMs = performance.now() - startedMs;
    this.#lastAtMs = nowMs;
    this.#evaluations++;
  }

  async #evaluateRules(nowMs: UnixMs): Promise<void> {
    const { store } = this.#deps;
    const changes: Change[] = [];
    const seen = new Set<string>();
    for await (const result of await this.source.evaluate(nowMs, this.#abort.signal)) {
      // An abort looks like a failed query, and says nothing about the rule.
      if (this.#isClosed) break;
      seen.add(result.rule.id);
      const changed = this.#step(result, nowMs);
      for (const tracked of changed) changes.push({ ruleId: result.rule.id, tracked });
      await this.#writeSeries(result.rule, changed, nowMs);
    }
    await this.#gatherer?.gather(changes, nowMs);
    if (this.#isPendingRefreshDue(nowMs)) this.#addPending(changes);
    if (changes.length > 0) {
      // Written down first. A disk that fails must not keep people from being told: notifications fail open.
      await this.#deps.write(stateRecord(changes, nowMs)).catch((error: unknown) => {
        this.#deps.logger.error(
          { source: this.source.name, error: messageOf(error) },
          "alert state could not be written down",
        );
      });
    }
    const current: TrackedAlert[] = [];
    for (const [ruleId, alerts] of store.rulesOf(this.source.name)) {
      if (seen.has(ruleId))
        for (const tracked of alerts.values()) if (tracked.alert.state !== "pending") current.push(tracked);
    }
    this.#deps.publish(
      current,
      changes.map(({ tracked }) => tracked),
    );
    this.#gatherer?.gatherLater(changes, nowMs);
  }

  #step(result: RuleResult, nowMs: UnixMs): readonly TrackedAlert[] {
    const { rule } = result;
    const before = this.#deps.store.get(this.source.name, rule.id);
    const generatorUrl = `${this.#deps.externalUrl}${rule.path ?? graphPath(rule.query ?? rule.condition)}`;
    const step = stepRule(rule, before, result.outcome, nowMs, { source: this.source.name, generatorUrl });
    this.#deps.store.set(this.source.name, rule.id, step.alerts);
    this.#rules.evaluations++;
    if (step.error) this.#rules.failures++;
    const known = this.#health.get(rule.id);
    if (step.error && known?.error !== step.error.message) {
      this.#deps.logger.warn(
        { source: this.source.name, rule: rule.name, error: step.error.message },
        "rule could not be evaluated",
      );
    }
    this.#health.set(rule.id, {
      health: step.health,
      error: step.error?.message,
      evaluatedAtMs: nowMs,
      durationMs: result.durationMs ?? 0,
    });
    return step.changed;
  }

  #isPendingRefreshDue(nowMs: UnixMs): boolean {
    if (Math.abs(nowMs - this.#refreshedAtMs) < PENDING_REFRESH_MS) return false;
    this.#refreshedAtMs = nowMs;
    return true;
  }

  #addPending(changes: Change[]): void {
    const already = new Set(changes.map(({ tracked }) => tracked.alert.fingerprint));
    for (const [ruleId, alerts] of this.#deps.store.rulesOf(this.source.name)) {
      for (const [key, tracked] of alerts) {
        if (tracked.alert.state === "pending" && !already.has(key)) changes.push({ ruleId, tracked });
      }
    }
  }

  /** Prometheus's own record of alerts: `ALERTS` and `ALERTS_FOR_STATE`. */
  async #writeSeries(rule: AlertRule, changed: readonly TrackedAlert[], nowMs: UnixMs): Promise<void> {
    const { appendSamples, store } = this.#deps;
    if (!appendSamples) return;
    const samples = alertSeries(changed, store.get(this.source.name, rule.id), nowMs);
    if (samples.length > 0) await appendSamples(samples);
  }
}

/** The next moment of a source: multiples of its interval, moved by a hash of its name. */
export function nextSlot(nowMs: UnixMs, source: Pick<AlertRuleSource, "name" | "intervalMs">): UnixMs {
  const hash = Number.parseInt(fingerprint({ name: source.name }).slice(-8), 16);
  const offsetMs = hash % source.intervalMs;
  return Math.floor((nowMs - offsetMs) / source.intervalMs + 1) * source.intervalMs + offsetMs;
}

/** Prometheus's link to the graph of an expression. */
export function graphPath(expression: string): string {
  return `/graph?g0.expr=${queryEscape(expression)}&g0.tab=1`;
}
