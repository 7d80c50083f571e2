import type { Labels, UnixMs } from "@tocsin/model";
import type { Evidence } from "../explain/evidence.js";

/** An alert as routing sees it: on its way out, with external labels, wherever it came from. */
export interface RoutedAlert {
  readonly id: string;
  /** Of `labels`, external labels included. */
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs: UnixMs;
  /** Undefined while it fires; in the future for alerts that others sent and must repeat. */
  readonly endsAtMs: UnixMs | undefined;
  readonly updatedAtMs: UnixMs;
  readonly generatorUrl: string;
  readonly value?: number | undefined;
  readonly evidence?: Evidence | undefined;
  readonly actions?: readonly string[];
  /** Labels of the alert that leads its incident; undefined where it leads itself, and for alerts of others. */
  readonly leadLabels?: Labels | undefined;
}

/** Whether an alert is over. */
export function isResolved(alert: RoutedAlert, nowMs: UnixMs): boolean {
  return alert.endsAtMs !== undefined && alert.endsAtMs <= nowMs;
}

/** Every alert that is on, or was until shortly ago, by fingerprint. The one place that groups look them up. */
export class AlertRegistry {
  readonly #alerts = new Map<string, RoutedAlert>();
  #version = 0;

  /** Changes with every change; for what is computed from all alerts. */
  get version(): number {
    return this.#version;
  }

  get(fingerprint: string): RoutedAlert | undefined {
    return this.#alerts.get(fingerprint);
  }

  all(): RoutedAlert[] {
    return [...this.#alerts.values()];
  }

  /**
   * Adds or updates an alert. An alert that overlaps with the one known is the same episode: the earlier start
   * counts, so that a sender that restarts does not make an alert look new.
   *
   * @returns the alert as it now stands
   */
  put(alert: RoutedAlert): RoutedAlert {
    const known = this.#alerts.get(alert.fingerprint);
    const overlaps = known && (known.endsAtMs === undefined || known.endsAtMs >= alert.startsAtMs);
    const merged =
      overlaps && known.startsAtMs < alert.startsAtMs ? { ...alert, startsAtMs: known.startsAtMs } : alert;
    this.#alerts.set(merged.fingerprint, merged);
    this.#version++;
    return merged;
  }

  /** Forgets alerts that ended before `beforeMs`. */
  forgetEndedBefore(beforeMs: UnixMs): void {
    for (const [key, alert] of this.#alerts) {
      if (alert.endsAtMs === undefined || alert.endsAtMs >= beforeMs) continue;
      this.#alerts.delete(key);
      this.#version++;
    }
  }
}

/** Alertmanager's order inside a notification: by job, then instance, then fewer labels, then label by label. */
export function compareAlerts(a: { labels: Labels }, b: { labels: Labels }): number {
  for (const name of ["job", "instance"]) {
    const [left, right] = [a.labels[name], b.labels[name]];
    if (left === right) continue;
    if (left === undefined) return 1;
    if (right === undefined) return -1;
    return left < right ? -1 : 1;
  }
  const [names, others] = [Object.keys(a.labels), Object.keys(b.labels)];
  if (names.length !== others.length) return names.length - others.length;
  for (const name of [...new Set([...names, ...others])].sort()) {
    const [left, right] = [a.labels[name], b.labels[name]];
    if (left === right) continue;
    if (left === undefined) return -1;
    if (right === undefined) return 1;
    return left < right ? -1 : 1;
  }
  return 0;
}
