import type { ActiveSample, AlertRule, AlertRuleSource, RuleOutcome } from "../src/index.js";

export const RULE: AlertRule = {
  name: "HighErrors",
  id: "HighErrors",
  forMs: 0,
  keepFiringForMs: 0,
  onNoData: "ok",
  onError: "keep",
  labels: { severity: "page" },
  annotations: { summary: "errors are high" },
  actions: [],
  condition: "errors > 1",
};

export function sample(labels: Record<string, string> = {}, value = 2): ActiveSample {
  return { labels: { severity: "page", ...labels }, annotations: { summary: "errors are high" }, value };
}

/** A source whose outcome the test sets: the place where rules or SLOs are plugged in. */
export class SettableSource implements AlertRuleSource {
  readonly name = "test";
  readonly intervalMs: number;
  readonly rule: AlertRule;
  outcome: RuleOutcome = { kind: "samples", samples: [] };
  evaluatedAtMs: number[] = [];

  constructor(rule: Partial<AlertRule> = {}, intervalMs = 1_000) {
    this.rule = { ...RULE, ...rule };
    this.intervalMs = intervalMs;
  }

  rules() {
    return [this.rule];
  }

  async evaluate(nowMs: number, _signal?: AbortSignal) {
    this.evaluatedAtMs.push(nowMs);
    return [{ rule: this.rule, outcome: this.outcome }];
  }

  set(...samples: ActiveSample[]): void {
    this.outcome = { kind: "samples", samples };
  }
}
