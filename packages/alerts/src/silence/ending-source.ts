import { formatDuration, type Labels, type UnixMs } from "@tocsin/model";
import { formatMatchers } from "../route/matcher.js";
import type { AlertRule, AlertRuleSource, RuleResult } from "../rule/source.js";
import { type Silence, silenceState } from "./silences.js";

/** Name of the alert that a silence is about to end while what it mutes goes on. */
export const SILENCE_ENDING = "tocsin_silence_ending";

const RULE: AlertRule = {
  name: SILENCE_ENDING,
  id: SILENCE_ENDING,
  forMs: 0,
  keepFiringForMs: 0,
  onNoData: "ok",
  onError: "keep",
  labels: { severity: "none" },
  annotations: {},
  actions: [],
  condition: "a silence ends soon, and alerts that it mutes fire",
  path: "/alerts",
};

export interface SilenceEndingDeps {
  readonly silences: () => readonly Silence[];
  /** Labels of the alerts that fire now and that a silence mutes. */
  readonly mutedBy: (silence: Silence) => readonly Labels[];
  readonly warnBeforeMs: number;
}

/**
 * Warns before a silence ends whose alerts still fire: whoever made it has time to lengthen it, or to wake nobody by
 * surprise. Like the watchdog it is told only where a route names it.
 */
export class SilenceEndingSource implements AlertRuleSource {
  readonly name = "silences";
  readonly intervalMs = 30_000;
  readonly #deps: SilenceEndingDeps;

  constructor(deps: SilenceEndingDeps) {
    this.#deps = deps;
  }

  rules(): readonly AlertRule[] {
    return [RULE];
  }

  async evaluate(nowMs: UnixMs): Promise<readonly RuleResult[]> {
    const { silences, mutedBy, warnBeforeMs } = this.#deps;
    const samples = silences().flatMap((silence) => {
      if (!isSilenceEnding(silence, warnBeforeMs, nowMs)) return [];
      const leftMs = silence.endsAtMs - nowMs;
      const muted = mutedBy(silence).length;
      if (muted === 0) return [];
      const left = formatDuration(Math.max(60_000, Math.round(leftMs / 60_000) * 60_000));
      const summary = `The silence ${formatMatchers(silence.matchers)} of ${silence.createdBy} ends in ${left}, and ${muted} ${muted === 1 ? "alert that it mutes still fires" : "alerts that it mutes still fire"}: ${silence.comment}`;
      const labels = { ...RULE.labels, silence: silence.id, created_by: silence.createdBy };
      return [{ labels, annotations: { summary }, value: leftMs / 1_000 }];
    });
    return [{ rule: RULE, outcome: { kind: "samples", samples } }];
  }
}

/** Whether a silence that mutes now ends soon. A short silence does not begin with a warning. */
export function isSilenceEnding(silence: Silence, warnBeforeMs: number, nowMs: UnixMs): boolean {
  const beforeMs = Math.min(warnBeforeMs, (silence.endsAtMs - silence.startsAtMs) / 4);
  return silenceState(silence, nowMs) === "active" && silence.endsAtMs - nowMs <= beforeMs;
}
