import type { Labels, UnixMs } from "@tocsin/model";
import { type Matcher, matchesAll } from "../route/matcher.js";
import { type AlertRegistry, isResolved, type RoutedAlert } from "./alert-registry.js";

/** While an alert that matches `source` fires, alerts that match `target` with the same `equal` labels are muted. */
export interface InhibitRule {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  readonly equal: readonly string[];
}

/** Answers whether an alert is muted by another one that fires. */
export class Inhibitor {
  readonly #rules: readonly InhibitRule[];
  readonly #registry: AlertRegistry;
  #sources: ReadonlyMap<string, RoutedAlert[]>[] = [];
  #version = -1;

  constructor(rules: readonly InhibitRule[], registry: AlertRegistry) {
    this.#rules = rules;
    this.#registry = registry;
  }

  /** Fingerprints of the alerts that mute this one; empty when it is not muted. */
  inhibitedBy(labels: Labels, nowMs: UnixMs): string[] {
    if (this.#rules.length === 0) return [];
    this.#index();
    const found: string[] = [];
    for (const [position, rule] of this.#rules.entries()) {
      if (!matchesAll(rule.target, labels)) continue;
      // An alert on both sides may not be muted by another one on both sides, or the two would hide each other.
      const isTwoSided = matchesAll(rule.source, labels);
      const source = this.#sources[position]
        ?.get(equalKey(rule, labels))
        ?.find(
          (alert) => !isResolved(alert, nowMs) && !(isTwoSided && matchesAll(rule.target, alert.labels)),
        );
      if (source) found.push(source.fingerprint);
    }
    return found;
  }

  /** Sources by their `equal` labels, made anew when the alerts changed. */
  #index(): void {
    if (this.#version === this.#registry.version) return;
    this.#version = this.#registry.version;
    const alerts = this.#registry.all();
    this.#sources = this.#rules.map((rule) => {
      const index = new Map<string, RoutedAlert[]>();
      for (const alert of alerts) {
        if (!matchesAll(rule.source, alert.labels)) continue;
        const key = equalKey(rule, alert.labels);
        const list = index.get(key);
        if (list) list.push(alert);
        else index.set(key, [alert]);
      }
      return index;
    });
  }
}

function equalKey(rule: InhibitRule, labels: Labels): string {
  return rule.equal.map((name) => labels[name] ?? "").join("\u0001");
}
