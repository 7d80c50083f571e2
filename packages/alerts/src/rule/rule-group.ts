import { type Labels, type Logger, labelsKey, messageOf, silentLogger, type UnixMs } from "@tocsin/model";
import {
  type InstantResult,
  type Queryable,
  type QueryOptions,
  STALE_MARKER,
  type VectorSample,
} from "@tocsin/promql";
import { AlertsError } from "../errors.js";
import {
  expandRuleTemplate,
  expandRuleTemplateSync,
  type QuerySample,
  type RuleTemplateData,
} from "../template/rule-data.js";
import type { LoadedGroup, LoadedRule } from "./rule-file.js";
import type { RuleSample, SampleSink } from "./sample-sink.js";
import { selectorsOf } from "./selectors.js";
import type { ActiveSample, AlertRule, AlertRuleSource, RuleOutcome, RuleResult } from "./source.js";

export interface RuleGroupDeps {
  readonly queryable: Queryable;
  /** Takes recorded series; without it recording rules are evaluated and their results dropped. */
  readonly appendSamples?: SampleSink | undefined;
  readonly externalUrl: string;
  readonly externalLabels?: Labels | undefined;
  /** Interval of groups that do not say; Prometheus's default is 1 m. */
  readonly defaultIntervalMs?: number | undefined;
  readonly logger?: Logger | undefined;
}

/** How one recording rule went last. */
export interface RecordingStatus {
  readonly rule: LoadedRule;
  readonly health: "unknown" | "ok" | "error";
  readonly error: string | undefined;
  readonly evaluatedAtMs: UnixMs | undefined;
  readonly durationMs: number;
}

/**
 * A Prometheus rule group as a source of alerts: its rules are evaluated in order, and what one records the next
 * can read.
 */
export class RuleGroupSource implements AlertRuleSource {
  readonly name: string;
  readonly intervalMs: number;
  readonly group: LoadedGroup;
  readonly #deps: RuleGroupDeps;
  readonly #steps: readonly Step[];
  readonly #alertRules: readonly AlertRule[];
  /** Of the evaluation that is under way; a source is evaluated once at a time. */
  #query: QueryOptions = {};
  readonly recorded = { evaluations: 0, failures: 0 };

  constructor(group: LoadedGroup, deps: RuleGroupDeps) {
    this.group = group;
    // Prometheus's own key of a group.
    this.name = `${group.file};${group.name}`;
    this.intervalMs = group.intervalMs ?? deps.defaultIntervalMs ?? 60_000;
    this.#deps = deps;
    const ids = new Map<string, number>();
    this.#steps = group.rules.map((rule) => {
      if (rule.kind === "record")
        return {
          kind: "record",
          rule,
          recorded: new Map(),
          health: "unknown",
          error: undefined,
          evaluatedAtMs: undefined,
          durationMs: 0,
        };
      const base = `${rule.name}{${labelsKey(rule.labels)}}`;
      const count = ids.get(base) ?? 0;
      ids.set(base, count + 1);
      const id = count === 0 ? base : `${base}#${count}`;
      return { kind: "alert", rule, alertRule: alertRuleOf(rule, id, group.limit) };
    });
    this.#alertRules = this.#steps.flatMap((step) => (step.kind === "alert" ? [step.alertRule] : []));
  }

  rules(): readonly AlertRule[] {
    return this.#alertRules;
  }

  /** Recording rules, in the order of the file. */
  recordings(): readonly RecordingStatus[] {
    return this.#steps.flatMap((step) => (step.kind === "record" ? [step] : []));
  }

  async *evaluate(nowMs: UnixMs, signal?: AbortSignal): AsyncIterable<RuleResult> {
    const queryAtMs = nowMs - (this.group.queryOffsetMs ?? 0);
    this.#query = signal ? { signal } : {};
    for (const step of this.#steps) {
      const startedMs = performance.now();
      if (step.kind === "record") {
        await this.#record(step, queryAtMs);
        step.durationMs = performance.now() - startedMs;
        step.evaluatedAtMs = nowMs;
      } else {
        const outcome = await this.#alert(step, nowMs, queryAtMs);
        yield { rule: step.alertRule, outcome, durationMs: performance.now() - startedMs };
      }
    }
  }

  async #alert({ rule, alertRule }: AlertStep, nowMs: UnixMs, queryAtMs: UnixMs): Promise<RuleOutcome> {
    try {
      const vector = vectorOf(await this.#deps.queryable.instantQuery(rule.expr, queryAtMs, this.#query));
      if (vector.length === 0 && alertRule.onNoData !== "ok" && (await this.#isWithoutData(rule, queryAtMs)))
        return { kind: "no-data" };
      const samples: ActiveSample[] = [];
      for (const sample of vector) samples.push(await this.#activeSample(rule, sample, nowMs, queryAtMs));
      return { kind: "samples", samples };
    } catch (error) {
      return { kind: "error", error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  async #activeSample(
    rule: LoadedRule,
    { labels, value }: VectorSample,
    nowMs: UnixMs,
    queryAtMs: UnixMs,
  ): Promise<ActiveSample> {
    const data: RuleTemplateData = {
      labels,
      value,
      externalLabels: this.#deps.externalLabels ?? {},
      externalUrl: this.#deps.externalUrl,
    };
    const expand = (text: string): string | Promise<string> =>
      this.#expand(rule, text, data, nowMs, queryAtMs);
    const own: Record<string, string> = {};
    for (const name in labels) if (name !== "__name__") own[name] = labels[name] ?? "";
    for (const [name, text] of Object.entries(rule.labels)) {
      const value = await expand(text);
      if (value === "") delete own[name];
      else own[name] = value;
    }
    const annotations: Record<string, string> = {};
    for (const [name, text] of Object.entries(rule.annotations)) annotations[name] = await expand(text);
    return {
      labels: own,
      annotations,
      value,
      evidence: () => ({ values: [{ name: rule.expr, labels, value }] }),
    };
  }

  /** A template that fails says so in its place; the alert goes out all the same. */
  #expand(
    rule: LoadedRule,
    text: string,
    data: RuleTemplateData,
    nowMs: UnixMs,
    queryAtMs: UnixMs,
  ): string | Promise<string> {
    const failed = (error: unknown): string => {
      (this.#deps.logger ?? silentLogger).warn(
        { rule: rule.name, place: rule.place, error: messageOf(error) },
        "a template of a rule failed",
      );
      return `<error expanding template: ${messageOf(error)}>`;
    };
    try {
      const expanded = expandRuleTemplateSync(text, data, nowMs);
      if (expanded !== undefined) return expanded;
    } catch (error) {
      return failed(error);
    }
    const query = async (expression: string): Promise<QuerySample[]> =>
      vectorOf(await this.#deps.queryable.instantQuery(expression, queryAtMs, this.#query)).map(
        ({ labels, value }) => ({
          labels,
          value,
        }),
      );
    return expandRuleTemplate(text, data, query, nowMs).catch(failed);
  }

  async #isWithoutData(rule: LoadedRule, queryAtMs: UnixMs): Promise<boolean> {
    for (const selector of selectorsOf(rule.expr)) {
      const found = await this.#deps.queryable.instantQuery(`count(${selector})`, queryAtMs, this.#query);
      if (vectorOf(found).length > 0) return false;
    }
    return true;
  }

  async #record(step: RecordStep, queryAtMs: UnixMs): Promise<void> {
    const { rule } = step;
    this.recorded.evaluations++;
    try {
      const vector = vectorOf(await this.#deps.queryable.instantQuery(rule.expr, queryAtMs, this.#query));
      if (this.group.limit > 0 && vector.length > this.group.limit) {
        throw new AlertsError(
          "ALERTS_RULE_FAILED",
          `The rule gives ${vector.length} series and its group allows ${this.group.limit}, so none is recorded.`,
        );
      }
      const recorded = new Map<string, Labels>();
      const samples: RuleSample[] = [];
      for (const { labels, value, histogram } of vector) {
        const own = recordedLabels(rule, labels);
        const key = labelsKey(own);
        if (recorded.has(key))
          throw new AlertsError(
            "ALERTS_RULE_FAILED",
            "Two results have the same labels once the rule's labels are set.",
          );
        recorded.set(key, own);
        samples.push({ labels: own, tMs: queryAtMs, value: histogram ?? value });
      }
      for (const [key, labels] of step.recorded) {
        if (!recorded.has(key)) samples.push({ labels, tMs: queryAtMs, value: STALE_MARKER });
      }
      if (samples.length > 0) await this.#deps.appendSamples?.(samples);
      step.recorded = recorded;
      step.health = "ok";
      step.error = undefined;
    } catch (error) {
      const message = messageOf(error);
      this.recorded.failures++;
      if (step.error !== message)
        (this.#deps.logger ?? silentLogger).warn(
          { source: this.name, rule: rule.name, error: message },
          "rule could not be evaluated",
        );
      step.health = "error";
      step.error = message;
    }
  }
}

interface AlertStep {
  readonly kind: "alert";
  readonly rule: LoadedRule;
  readonly alertRule: AlertRule;
}

interface RecordStep {
  readonly kind: "record";
  readonly rule: LoadedRule;
  /** The series of the last evaluation; those that are gone get a staleness marker. */
  recorded: ReadonlyMap<string, Labels>;
  health: "unknown" | "ok" | "error";
  error: string | undefined;
  evaluatedAtMs: UnixMs | undefined;
  durationMs: number;
}

type Step = AlertStep | RecordStep;

function alertRuleOf(rule: LoadedRule, id: string, limit: number): AlertRule {
  return {
    name: rule.name,
    id,
    forMs: rule.forMs,
    keepFiringForMs: rule.keepFiringForMs,
    onNoData: rule.onNoData,
    onError: rule.onError,
    limit,
    labels: rule.labels,
    annotations: rule.annotations,
    actions: rule.actions,
    condition: rule.expr,
    query: rule.printed,
    place: rule.place,
  };
}

function recordedLabels(rule: LoadedRule, labels: Labels): Labels {
  const own: Record<string, string> = { ...labels, ...rule.labels, __name__: rule.name };
  for (const name of Object.keys(own)) if (own[name] === "") delete own[name];
  return own;
}

function vectorOf(result: InstantResult): readonly VectorSample[] {
  if (result.resultType === "vector") return result.samples;
  if (result.resultType === "scalar") return [{ labels: {}, tMs: result.tMs, value: result.value }];
  throw new AlertsError(
    "ALERTS_RULE_FAILED",
    `The expression gives a ${result.resultType}; a rule needs an instant vector or a scalar.`,
  );
}
