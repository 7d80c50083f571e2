import type { Cancel, Clock, Labels, UnixMs } from "@tocsin/model";
import { groupKey, type Route } from "../route/route-tree.js";
import type { RoutedAlert } from "./alert-registry.js";

/** The alerts of one route with the same group labels, and when they are next looked at. */
export class AlertGroup {
  readonly route: Route;
  readonly labels: Labels;
  readonly key: string;
  readonly #members = new Set<string>();
  readonly #clock: Clock;
  readonly #flush: (group: AlertGroup) => Promise<void>;
  #cancel: Cancel | undefined;
  #isFlushing: Promise<void> | undefined;
  #hasFlushed = false;
  #isClosed = false;

  constructor(route: Route, labels: Labels, clock: Clock, flush: (group: AlertGroup) => Promise<void>) {
    this.route = route;
    this.labels = labels;
    this.key = groupKey(route, labels);
    this.#clock = clock;
    this.#flush = flush;
    this.#wakeIn(route.groupWaitMs);
  }

  get members(): ReadonlySet<string> {
    return this.#members;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  insert(alert: RoutedAlert, nowMs: UnixMs): void {
    this.#members.add(alert.fingerprint);
    // An alert that is older than the wait has waited enough, for instance after a restart.
    if (!this.#hasFlushed && alert.startsAtMs + this.route.groupWaitMs < nowMs) this.#wakeIn(0);
  }

  remove(fingerprint: string): void {
    this.#members.delete(fingerprint);
  }

  /** Looks at the group as soon as the flush under way, if any, is done. */
  wakeNow(): void {
    this.#wakeIn(0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#isFlushing;
  }

  #wakeIn(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancel?.();
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#wakeIn(this.route.groupIntervalMs);
      this.#hasFlushed = true;
      this.#isFlushing = (this.#isFlushing ?? Promise.resolve()).then(() => this.#flush(this));
    });
  }
}
