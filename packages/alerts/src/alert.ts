import type { Labels, UnixMs } from "@tocsin/model";
import type { Evidence } from "./explain/evidence.js";

/**
 * Where an alert is in its life.
 *
 * - `inactive`  the condition does not hold (rules only; an inactive alert does not exist)
 * - `pending`   it holds, but not yet for the rule's `for`
 * - `firing`    people are told
 * - `resolved`  it fired and holds no longer
 * - `no-data`   the rule's series are gone and the rule says `on_no_data: alert`; people are told
 * - `error`     the rule cannot be evaluated and says `on_error: alert`; people are told
 */
export type AlertState = "inactive" | "pending" | "firing" | "resolved" | "no-data" | "error";

/** One alert: one label set of one rule, from the moment its condition held until shortly after it resolved. */
export interface Alert {
  /**
   * One episode of this alert: `<fingerprint>-<activeAtMs in base 36>`. Stable over restarts, so it may serve
   * as an idempotency key. A later episode of the same labels has another id and the same fingerprint.
   */
  readonly id: string;
  /** Alertmanager's fingerprint of `labels`. */
  readonly fingerprint: string;
  /** Name of the rule source (a rule group, or an SLO set), and of the rule in it. */
  readonly source: string;
  readonly rule: string;
  /** Includes `alertname`. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: AlertState;
  /** The value of the rule's expression when it was last evaluated; undefined for alerts sent to us. */
  readonly value: number | undefined;
  /** When the condition began to hold. */
  readonly activeAtMs: UnixMs;
  /** When it began to fire; undefined while pending. */
  readonly startsAtMs: UnixMs | undefined;
  /** When it resolved; undefined until then. For alerts sent to us: when they end unless they are sent again. */
  readonly endsAtMs: UnixMs | undefined;
  readonly updatedAtMs: UnixMs;
  /** Where the rule can be seen: a page of ours, or whatever the sender gave. */
  readonly generatorUrl: string;
  /** Names of the actions that the rule asks for; the action runner decides. */
  readonly actions: readonly string[];
  /** Labels of the alert that leads its incident; undefined where it leads itself. */
  readonly leadLabels?: Labels | undefined;
  /** What was measured when it fired; kept past the retention of the data itself. */
  readonly evidence?: Evidence | undefined;
}

/** What the outside sees of a change: an alert that has just fired, is firing again after a restart, or resolved. */
export interface AlertChange {
  readonly kind: "firing" | "resolved";
  readonly alert: Alert;
  /**
   * True when this may have been announced before: the process was restarted while the alert fired.
   * Listeners that act once must compare `alert.id` with what they wrote down.
   */
  readonly isRepeat: boolean;
}

/**
 * Is told of every alert that fires or resolves, after the change is in the journal and before notifications
 * go out. At least once: see `isRepeat`. A listener that throws is logged and delays nobody.
 */
export interface AlertListener {
  onAlertChange(change: AlertChange): void | Promise<void>;
}

/** Whether people are (or were last) told that this alert is on. */
export function isOn(state: AlertState): boolean {
  return state === "firing" || state === "no-data" || state === "error";
}
