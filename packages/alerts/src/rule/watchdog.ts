import type { UnixMs } from "@tocsin/model";
import type { AlertRule, AlertRuleSource, RuleResult } from "./source.js";

/** Name of the alert that always fires. */
export const WATCHDOG = "tocsin_watchdog";

const RULE: AlertRule = {
  name: WATCHDOG,
  id: WATCHDOG,
  forMs: 0,
  keepFiringForMs: 0,
  onNoData: "ok",
  onError: "keep",
  labels: { severity: "none" },
  annotations: {
    summary: "Alerting works.",
    description:
      "This alert fires for as long as rules are evaluated. Route it to something that raises the alarm when it stops hearing it.",
  },
  actions: [],
  condition: "every rule group is evaluated in time",
  path: "/alerts",
};

/**
 * The dead man's alert: on for as long as all rules are evaluated in time, so that its silence is the alarm. It is only
 * told where a route names it; see `matchRoutes`.
 */
export class WatchdogSource implements AlertRuleSource {
  readonly name = "watchdog";
  readonly intervalMs = 15_000;
  readonly #fault: (nowMs: UnixMs) => string | undefined;

  /** @param fault why not all is well, if so */
  constructor(fault: (nowMs: UnixMs) => string | undefined) {
    this.#fault = fault;
  }

  rules(): readonly AlertRule[] {
    return [RULE];
  }

  async evaluate(nowMs: UnixMs): Promise<readonly RuleResult[]> {
    const { labels, annotations } = RULE;
    const samples = this.#fault(nowMs) === undefined ? [{ labels, annotations, value: 1 }] : [];
    return [{ rule: RULE, outcome: { kind: "samples", samples } }];
  }
}
