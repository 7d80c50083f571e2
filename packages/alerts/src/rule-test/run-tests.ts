// Runs promtool's rule tests with virtual time. One piece, though long: evaluating and comparing step through the same
// moments.
import { formatDuration, formatLabels, type Labels, labelsKey, messageOf, type UnixMs } from "@tocsin/model";
import { Engine, MemoryStorage, type Queryable } from "@tocsin/promql";
import type { Alert } from "../alert.js";
import { isOn } from "../alert.js";
import type { AlertingConfig } from "../config/alerting-config.js";
import { buildRouteTree, matchRoutes, type Route } from "../route/route-tree.js";
import { alertSeries } from "../rule/alert-series.js";
import type { LoadedGroup } from "../rule/rule-file.js";
import { RuleGroupSource } from "../rule/rule-group.js";
import { NO_ALERTS, type RuleAlerts, stepRule } from "../rule/state.js";
import { type ComparedSample, comparable, sampleText } from "./compared-sample.js";
import { differenceOf, notificationDifference } from "./difference.js";
import { parseHistogram } from "./histogram-notation.js";
import { parseSeries, parseValues } from "./series-notation.js";
import type { RuleTestFile, TestGroup } from "./test-file.js";
import { Told } from "./told.js";

/** The outcome of one entry under `tests`. */
export interface RuleTestResult {
  readonly name: string;
  /** What differs, each a few lines to be read as they are. Empty: it passed. */
  readonly failures: readonly string[];
}

/**
 * Runs every test of a file.
 *
 * @param groups the rules under test
 * @param alerting for `exp_receivers` and `notification_test`; undefined when the file names no `alerting_file`
 * @param isWanted which tests to run, by name; default all
 */
export async function runRuleTests(
  file: RuleTestFile,
  groups: readonly LoadedGroup[],
  alerting: AlertingConfig | undefined,
  isWanted: (name: string) => boolean = () => true,
): Promise<RuleTestResult[]> {
  const ordered = inOrder(groups, file.group_eval_order ?? []);
  const results: RuleTestResult[] = [];
  for (const [index, test] of (file.tests ?? []).entries()) {
    const name = test.name ?? `test ${index + 1}`;
    if (!isWanted(name)) continue;
    try {
      results.push({ name, failures: await new TestRun(file, test, ordered, alerting).run() });
    } catch (error) {
      results.push({ name, failures: [messageOf(error)] });
    }
  }
  return results;
}

function inOrder(groups: readonly LoadedGroup[], order: readonly string[]): LoadedGroup[] {
  const rank = (group: LoadedGroup): number =>
    order.includes(group.name) ? order.indexOf(group.name) : order.length;
  return [...groups].sort((a, b) => rank(a) - rank(b));
}

class TestRun {
  readonly #file: RuleTestFile;
  readonly #test: TestGroup;
  readonly #sources: readonly RuleGroupSource[];
  readonly #alerting: AlertingConfig | undefined;
  readonly #routes: Route | undefined;
  readonly #storage = new MemoryStorage();
  readonly #queryable: Queryable;
  readonly #alerts = new Map<string, RuleAlerts>();
  readonly #startMs: UnixMs;
  readonly #failures: string[] = [];

  constructor(
    file: RuleTestFile,
    test: TestGroup,
    groups: readonly LoadedGroup[],
    alerting: AlertingConfig | undefined,
  ) {
    this.#file = file;
    this.#test = test;
    this.#alerting = alerting;
    this.#routes = alerting && buildRouteTree(alerting.route);
    this.#startMs = startOf(test.start_timestamp);
    const engine = new Engine();
    this.#queryable = {
      instantQuery: (query, tMs, options) => engine.instantQuery(this.#storage, query, tMs, options),
      rangeQuery: (query, startMs, endMs, stepMs, options) =>
        engine.rangeQuery(this.#storage, query, startMs, endMs, stepMs, options),
    };
    this.#sources = groups.map(
      (group) =>
        new RuleGroupSource(group, {
          queryable: this.#queryable,
          appendSamples: (samples) => {
            for (const { labels, tMs, value } of samples) this.#storage.append(labels, tMs, value);
          },
          externalUrl: test.external_url ?? "",
          externalLabels: test.external_labels ?? {},
          defaultIntervalMs: file.evaluation_interval,
        }),
    );
  }

  async run(): Promise<string[]> {
    this.#load();
    const told = await this.#openTold();
    try {
      await this.#step(told);
    } finally {
      await told?.close();
    }
    for (const test of this.#test.promql_expr_test ?? []) await this.#checkExpression(test);
    return this.#failures;
  }

  async #openTold(): Promise<Told | undefined> {
    if (!this.#test.notification_test?.length) return undefined;
    if (!this.#alerting)
      throw new Error("notification_test needs alerting_file: whose routes are to be tried?");
    return Told.open(this.#alerting, this.#startMs);
  }

  /** Evaluates all rules at every interval; a moment between two evaluations sees the one before it. */
  async #step(told: Told | undefined): Promise<void> {
    const stepMs = this.#file.evaluation_interval;
    const alertTests = inTime(this.#test.alert_rule_test ?? []);
    const notificationTests = inTime(this.#test.notification_test ?? []);
    const all = [...alertTests, ...notificationTests, ...(this.#test.promql_expr_test ?? [])];
    const lastMs = Math.max(0, ...all.map((each) => each.eval_time));
    for (let atMs = 0; atMs <= lastMs; atMs += stepMs) {
      const isNow = (test: { readonly eval_time: number }): boolean =>
        test.eval_time >= atMs && test.eval_time < atMs + stepMs;
      await this.#evaluate(this.#startMs + atMs);
      await told?.take(this.#toldOf(), this.#startMs + atMs);
      for (const test of alertTests.filter(isNow)) this.#checkAlerts(test);
      for (const test of notificationTests.filter(isNow)) {
        const difference = notificationDifference(
          test.exp_notifications ?? [],
          (await told?.until(this.#startMs + test.eval_time)) ?? [],
        );
        if (difference !== undefined)
          this.#failures.push(`notifications until ${formatDuration(test.eval_time)}\n${difference}`);
      }
    }
  }

  #toldOf(): Alert[] {
    return [...this.#alerts.values()]
      .flatMap((alerts) => [...alerts.values()])
      .map(({ alert }) => alert)
      .filter(({ state }) => isOn(state) || state === "resolved");
  }

  #load(): void {
    const stepMs = this.#test.interval ?? this.#file.evaluation_interval;
    for (const { series, values } of this.#test.input_series ?? []) {
      const labels = parseSeries(series);
      for (const [index, value] of parseValues(values).entries()) {
        if (value !== undefined) this.#storage.append(labels, this.#startMs + index * stepMs, value);
      }
    }
  }

  async #evaluate(atMs: UnixMs): Promise<void> {
    for (const source of this.#sources) {
      for await (const { rule, outcome } of source.evaluate(atMs)) {
        const key = `${source.name}\u0001${rule.id}`;
        const step = stepRule(rule, this.#alerts.get(key) ?? NO_ALERTS, outcome, atMs, {
          source: source.name,
          generatorUrl: "",
        });
        if (step.error) throw new Error(`rule ${rule.name} (${rule.place}): ${step.error.message}`);
        this.#alerts.set(key, step.alerts);
        // Rules and expressions may read ALERTS.
        for (const { labels, tMs, value } of alertSeries(step.changed, step.alerts, atMs))
          this.#storage.append(labels, tMs, value);
      }
      for (const { rule, error } of source.recordings()) {
        if (error !== undefined) throw new Error(`rule ${rule.name} (${rule.place}): ${error}`);
      }
    }
  }

  #checkAlerts(test: NonNullable<TestGroup["alert_rule_test"]>[number]): void {
    const firing = [...this.#alerts.values()]
      .flatMap((alerts) => [...alerts.values()])
      .map(({ alert }) => alert)
      .filter((alert) => alert.rule === test.alertname && isOn(alert.state));
    const expected = (test.exp_alerts ?? []).map((each) => {
      const labels = { ...each.exp_labels, alertname: test.alertname };
      return { each, labels, text: alertText(labels, each.exp_annotations ?? {}) };
    });
    const got = firing.map((alert) => ({ alert, text: alertText(alert.labels, alert.annotations) }));
    const difference = differenceOf(
      expected.map(({ text }) => text),
      got.map(({ text }) => text),
    );
    if (difference !== undefined) {
      this.#failures.push(
        `alertname: ${test.alertname}, time: ${formatDuration(test.eval_time)}\n${difference}`,
      );
      return;
    }
    for (const { each, labels } of expected) {
      const alert = firing.find((other) => labelsKey(other.labels) === labelsKey(labels));
      if (alert) this.#checkReach(test, each, alert);
    }
  }

  #checkReach(
    test: { readonly alertname: string; readonly eval_time: number },
    expected: { readonly exp_receivers?: string[] | undefined; readonly exp_actions?: string[] | undefined },
    alert: Alert,
  ): void {
    const where = `alertname: ${test.alertname}, time: ${formatDuration(test.eval_time)}`;
    if (expected.exp_receivers) {
      const told = this.#routes
        ? matchRoutes(this.#routes, alert.labels).map(({ receiver }) => receiver)
        : ["(no alerting_file)"];
      const difference = differenceOf(expected.exp_receivers, told);
      if (difference !== undefined)
        this.#failures.push(`${where}, receivers of ${formatLabels(alert.labels)}\n${difference}`);
    }
    if (expected.exp_actions) {
      const difference = differenceOf(expected.exp_actions, alert.actions);
      if (difference !== undefined)
        this.#failures.push(`${where}, actions of ${formatLabels(alert.labels)}\n${difference}`);
    }
  }

  async #checkExpression(test: NonNullable<TestGroup["promql_expr_test"]>[number]): Promise<void> {
    const where = `expr: ${JSON.stringify(test.expr)}, time: ${formatDuration(test.eval_time)}`;
    try {
      const result = await this.#queryable.instantQuery(test.expr, this.#startMs + test.eval_time);
      const samples: readonly ComparedSample[] | undefined =
        result.resultType === "vector"
          ? result.samples
          : result.resultType === "scalar"
            ? [{ labels: {}, value: result.value, histogram: undefined }]
            : undefined;
      if (!samples) throw new Error(`a ${result.resultType} cannot be compared`);
      const expected = (test.exp_samples ?? []).map(
        ({ labels, value, histogram }): ComparedSample => ({
          labels: parseSeries(labels),
          value: value ?? 0,
          histogram: histogram === undefined ? undefined : parseHistogram(histogram),
        }),
      );
      const difference = differenceOf(
        expected.map(sampleText),
        samples.map((sample) => sampleText(comparable(sample, expected, this.#file.fuzzy_compare))),
      );
      if (difference !== undefined) this.#failures.push(`${where}\n${difference}`);
    } catch (error) {
      this.#failures.push(`${where}\n    ${messageOf(error)}`);
    }
  }
}

function inTime<T extends { readonly eval_time: number }>(tests: readonly T[]): T[] {
  return [...tests].sort((a, b) => a.eval_time - b.eval_time);
}

function startOf(written: string | number | undefined): UnixMs {
  if (written === undefined) return 0;
  const atMs =
    typeof written === "number" || /^\d+(\.\d+)?$/.test(written)
      ? Number(written) * 1_000
      : Date.parse(written);
  if (Number.isNaN(atMs))
    throw new Error(`start_timestamp "${written}" is not a time. Write RFC 3339 or seconds.`);
  return atMs;
}

function alertText(labels: Labels, annotations: Labels): string {
  const notes = Object.keys(annotations)
    .sort()
    .map((name) => `\n      ${name}: ${JSON.stringify(annotations[name])}`);
  return `${formatLabels(withoutEmpty(labels))}${notes.join("")}`;
}

function withoutEmpty(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
}
