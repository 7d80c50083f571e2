import type { Cancel, Clock, Labels, UnixMs } from "@tocsin/model";
import { groupKey, type Route } from "../route/route-tree.js";
import type { RoutedAlert } from "./alert-registry.js";

/** How one alert came into a group. */
export interface Membership {
  /** The route that it took: its waits, mute times and escalation go with it. */
  readonly route: Route;
  /** The group that it would have by its own labels; another one than this where it came with its incident. */
  readonly ownKey: string;
}

/** Alerts that are told together, and when they are next looked at. */
export class AlertGroup {
  /** Where the group is at home; alerts of the same incident may have come by other routes to the same receiver. */
  readonly route: Route;
  readonly labels: Labels;
  readonly key: string;
  readonly #members = new Map<string, Membership>();
  /** How many members there are of what would be groups of their own, with the route of each. */
  readonly #kinds = new Map<string, { readonly route: Route; readonly count: number }>();
  readonly #clock: Clock;
  readonly #flush: (group: AlertGroup) => Promise<void>;
  #timer: { readonly cancel: Cancel; readonly atMs: UnixMs } | undefined;
  #isFlushing: Promise<void> | undefined;
  #hasFlushed = false;
  #isClosed = false;

  constructor(route: Route, labels: Labels, clock: Clock, flush: (group: AlertGroup) => Promise<void>) {
    this.route = route;
    this.labels = labels;
    this.key = groupKey(route, labels);
    this.#clock = clock;
    this.#flush = flush;
  }

  get members(): ReadonlyMap<string, Membership> {
    return this.#members;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** Whether alerts are in it that are here for their incident alone. */
  get isIncident(): boolean {
    return [...this.#kinds.keys()].some((ownKey) => ownKey !== this.key);
  }

  /** The ways by which its alerts came. */
  get routes(): Route[] {
    return [...new Set([...this.#kinds.values()].map(({ route }) => route))];
  }

  /** The shortest of the members' routes: nobody hears later for being told together with others. */
  get groupIntervalMs(): number {
    if (this.isEmpty) return this.route.groupIntervalMs;
    return Math.min(...this.routes.map(({ groupIntervalMs }) => groupIntervalMs));
  }

  insert(alert: RoutedAlert, membership: Membership, nowMs: UnixMs): void {
    const { route, ownKey } = membership;
    const isFirstOfKind = !this.#kinds.has(ownKey);
    this.remove(alert.fingerprint);
    this.#kinds.set(ownKey, { route, count: (this.#kinds.get(ownKey)?.count ?? 0) + 1 });
    this.#members.set(alert.fingerprint, membership);
    // What would have been a group of its own waits as long as that one would have, not for the next turn of this one.
    if (isFirstOfKind) this.#wakeWithin(route.groupWaitMs);
    // An alert that is older than the wait has waited enough, for instance after a restart.
    if (!this.#hasFlushed && alert.startsAtMs + route.groupWaitMs < nowMs) this.#wakeIn(0);
  }

  remove(fingerprint: string): void {
    const { ownKey } = this.#members.get(fingerprint) ?? {};
    const kind = ownKey === undefined ? undefined : this.#kinds.get(ownKey);
    if (ownKey === undefined || !kind) return;
    this.#members.delete(fingerprint);
    if (kind.count > 1) this.#kinds.set(ownKey, { ...kind, count: kind.count - 1 });
    else this.#kinds.delete(ownKey);
  }

  /** Looks at the group as soon as the flush under way, if any, is done. */
  wakeNow(): void {
    this.#wakeIn(0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#isFlushing;
  }

  #wakeWithin(delayMs: number): void {
    const leftMs = this.#timer ? this.#timer.atMs - this.#clock.now() : Number.POSITIVE_INFINITY;
    // A clock that was set back must not hold anything up.
    if (delayMs < leftMs || leftMs > this.groupIntervalMs) this.#wakeIn(delayMs);
  }

  #wakeIn(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#wakeIn(this.groupIntervalMs);
      this.#hasFlushed = true;
      this.#isFlushing = (this.#isFlushing ?? Promise.resolve()).then(() => this.#flush(this));
    });
    this.#timer = { cancel, atMs: this.#clock.now() + delayMs };
  }
}
