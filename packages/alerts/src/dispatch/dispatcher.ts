// From alerts to notifications: groups, muting, and the decision whether there is something to tell.
// One piece: who hears of an alert depends on all of them at once.
import {
  type Cancel,
  type Clock,
  every,
  type Labels,
  type Logger,
  messageOf,
  type UnixMs,
} from "@tocsin/model";
import type { ReceiverConfig, ReceiverEntry } from "../config/receiver.js";
import type { Outbox } from "../deliver/outbox.js";
import { groupKey, groupLabels, matchRoutes, type Route } from "../route/route-tree.js";
import { containsTime, type NamedTimeInterval } from "../route/time-interval.js";
import type { Silences } from "../silence/silences.js";
import { type AlertRegistry, isResolved, type RoutedAlert } from "./alert-registry.js";
import { composeNotification, joinUndelivered, notifiedAlert } from "./compose.js";
import { AlertGroup } from "./group.js";
import type { Inhibitor } from "./inhibitor.js";
import { reasonToTell } from "./notification-log.js";

export interface DispatcherDeps {
  readonly routes: Route;
  readonly receivers: ReadonlyMap<string, ReceiverConfig>;
  readonly timeIntervals: readonly NamedTimeInterval[];
  readonly registry: AlertRegistry;
  readonly inhibitor: Inhibitor;
  readonly silences: Silences;
  readonly outbox: Outbox;
  /** Whether somebody has taken an alert on; its repeats and escalation stop. */
  readonly isAcknowledged: (alert: RoutedAlert) => boolean;
  /** Who is told what could not be delivered. */
  readonly fallbackReceiver: string | undefined;
  /** Whether an alert is told in the group of the alert that leads its incident. */
  readonly groupsIncidents: boolean;
  readonly externalUrl: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What keeps an alert from being told, if anything does. */
export interface MuteStatus {
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
}

export interface GroupView {
  readonly key: string;
  readonly labels: Labels;
  readonly receiver: string;
  readonly alerts: readonly RoutedAlert[];
  /** Names of the time intervals that mute the group now. */
  readonly mutedBy: readonly string[];
}

const MAINTENANCE_MS = 30_000;

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #groups = new Map<string, AlertGroup>();
  readonly #cancelMaintenance: Cancel;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#cancelMaintenance = every(deps.clock, MAINTENANCE_MS, () => this.#dropEmptyGroups());
  }

  /** Puts an alert into the group of every route that it takes. */
  handle(alert: RoutedAlert): void {
    const nowMs = this.#deps.clock.now();
    for (const route of matchRoutes(this.#deps.routes, alert.labels)) {
      const own = { route, labels: groupLabels(route, alert.labels) };
      const home = this.#leadingGroup(route, alert) ?? own;
      const key = `${home.route.position}:${JSON.stringify(Object.entries(home.labels).sort())}`;
      let group = this.#groups.get(key);
      // The end of an alert that no group knows is no news, unless somebody was told that it fires.
      if (!group && isResolved(alert, nowMs) && !this.#wasTold(home.route, home.labels, alert)) continue;
      if (!group) {
        group = new AlertGroup(home.route, home.labels, this.#deps.clock, (each) => this.#flush(each));
        this.#groups.set(key, group);
      }
      group.insert(alert, { route, ownKey: groupKey(own.route, own.labels) }, nowMs);
    }
  }

  /** The group of the alert that leads the incident, if that one reaches the same receiver. */
  #leadingGroup(route: Route, { leadLabels }: RoutedAlert): { route: Route; labels: Labels } | undefined {
    if (!leadLabels || !this.#deps.groupsIncidents) return undefined;
    const lead = matchRoutes(this.#deps.routes, leadLabels).find(
      ({ receiver }) => receiver === route.receiver,
    );
    return lead && { route: lead, labels: groupLabels(lead, leadLabels) };
  }

  /** Looks at every group again at once, for instance after an acknowledgement. */
  wake(fingerprint: string): void {
    for (const group of this.#groups.values()) if (group.members.has(fingerprint)) group.wakeNow();
  }

  muteStatus(labels: Labels): MuteStatus {
    const nowMs = this.#deps.clock.now();
    return {
      silencedBy: this.#deps.silences.silencedBy(labels, nowMs),
      inhibitedBy: this.#deps.inhibitor.inhibitedBy(labels, nowMs),
    };
  }

  groups(): GroupView[] {
    const nowMs = this.#deps.clock.now();
    return [...this.#groups.values()]
      .filter((group) => !group.isEmpty)
      .map((group) => ({
        key: group.key,
        labels: group.labels,
        receiver: group.route.receiver,
        alerts: this.#membersOf(group),
        mutedBy: this.#groupMutedBy(group, nowMs),
      }));
  }

  async close(): Promise<void> {
    this.#cancelMaintenance();
    await Promise.all([...this.#groups.values()].map((group) => group.close()));
    this.#groups.clear();
  }

  async #flush(group: AlertGroup): Promise<void> {
    try {
      await this.#tell(group, this.#deps.clock.now());
    } catch (error) {
      this.#deps.logger.error(
        { group: group.key, error: messageOf(error) },
        "a group of alerts could not be handled",
      );
    }
  }

  async #tell(group: AlertGroup, nowMs: UnixMs): Promise<void> {
    const members = this.#membersOf(group);
    const { silences, inhibitor } = this.#deps;
    const isMuted = new Map(group.routes.map((each) => [each, this.#mutedBy(each, nowMs).length > 0]));
    const audible = members.filter(
      (alert) =>
        !isMuted.get(routeIn(group, alert)) &&
        inhibitor.inhibitedBy(alert.labels, nowMs).length === 0 &&
        silences.silencedBy(alert.labels, nowMs).length === 0,
    );
    if (audible.length > 0) {
      await this.#tellReceiver(group, group.route.receiver, audible, nowMs);
      await this.#tellFallback(group, audible, nowMs);
      await this.#escalate(group, audible, nowMs);
    }
    // Resolved alerts have been told, or were muted when they ended; either way the group is done with them.
    for (const alert of members) {
      const latest = this.#deps.registry.get(alert.fingerprint);
      if (isResolved(alert, nowMs) && latest?.updatedAtMs === alert.updatedAtMs)
        group.remove(alert.fingerprint);
    }
  }

  async #tellReceiver(
    group: AlertGroup,
    name: string,
    alerts: readonly RoutedAlert[],
    nowMs: UnixMs,
  ): Promise<void> {
    const receiver = this.#deps.receivers.get(name);
    for (const entry of receiver?.entries ?? []) await this.#tellEntry(group, name, entry, alerts, nowMs);
  }

  async #tellEntry(
    group: AlertGroup,
    receiver: string,
    entry: ReceiverEntry,
    alerts: readonly RoutedAlert[],
    nowMs: UnixMs,
  ): Promise<void> {
    const { outbox, isAcknowledged } = this.#deps;
    const key = outboxKey(group.key, receiver, entry);
    const firing = alerts.filter((alert) => !isResolved(alert, nowMs));
    const resolved = alerts.filter((alert) => isResolved(alert, nowMs));
    const telling = { firing: firing.map(fingerprintOf), resolved: resolved.map(fingerprintOf) };
    const reason = reasonToTell(outbox.lastEntry(key), telling, {
      sendResolved: entry.sendResolved,
      repeatIntervalMs: Math.min(
        ...(firing.length > 0 ? firing : alerts).map((alert) => routeIn(group, alert).repeatIntervalMs),
      ),
      nowMs,
      areRepeatsStopped: firing.length > 0 && firing.every(isAcknowledged),
    });
    if (!reason) return;
    const logEntry = { atMs: nowMs, ...telling };
    const wanted = (entry.sendResolved ? alerts : firing).map((alert) => notifiedAlert(alert, nowMs));
    const waiting = outbox.waitingItem(key);
    // Nothing to say now, but what waits still has to be said: it stays as it is.
    if (wanted.length === 0) {
      if (!waiting) await outbox.note(key, logEntry);
      return;
    }
    const { alerts: told, isLate } = joinUndelivered(wanted, waiting?.notification.alerts ?? []);
    const { isIncident } = group;
    const notification = composeNotification({
      receiver,
      key,
      groupKey: group.key,
      // A ticket alone says nothing of the page in whose group it is.
      groupLabels: isIncident ? sharedLabels(group.labels, told) : group.labels,
      isIncident,
      alerts: told,
      externalUrl: this.#deps.externalUrl,
      nowMs,
      isLate: isLate || (waiting?.notification.isLate ?? false),
    });
    await outbox.queue(key, notification, logEntry);
  }

  /** The fallback that was told of a fire, because the receiver could not be, hears of its end, which the receiver need not. */
  async #tellFallback(group: AlertGroup, alerts: readonly RoutedAlert[], nowMs: UnixMs): Promise<void> {
    const { fallbackReceiver, receivers, outbox } = this.#deps;
    if (fallbackReceiver === undefined || fallbackReceiver === group.route.receiver) return;
    const isOpen = receivers
      .get(fallbackReceiver)
      ?.entries.some(
        (entry) => (outbox.lastEntry(outboxKey(group.key, fallbackReceiver, entry))?.firing.length ?? 0) > 0,
      );
    if (isOpen) await this.#tellReceiver(group, fallbackReceiver, alerts, nowMs);
  }

  /** Tells one more receiver when alerts have fired for long and nobody has acknowledged them. */
  async #escalate(group: AlertGroup, alerts: readonly RoutedAlert[], nowMs: UnixMs): Promise<void> {
    const receivers = new Set(group.routes.map(({ escalation }) => escalation?.receiver));
    for (const receiver of receivers) {
      const own = alerts.filter((alert) => routeIn(group, alert).escalation?.receiver === receiver);
      if (receiver !== undefined) await this.#escalateTo(receiver, group, own, nowMs);
    }
  }

  async #escalateTo(
    name: string,
    group: AlertGroup,
    alerts: readonly RoutedAlert[],
    nowMs: UnixMs,
  ): Promise<void> {
    const dueAtMs = (alert: RoutedAlert): UnixMs =>
      alert.startsAtMs + (routeIn(group, alert).escalation?.after ?? 0);
    const open = alerts.filter((alert) => !isResolved(alert, nowMs) && !this.#deps.isAcknowledged(alert));
    const overdue = open.filter((alert) => nowMs >= dueAtMs(alert));
    const receiver = this.#deps.receivers.get(name);
    const wasTold = receiver?.entries.some((entry) =>
      this.#deps.outbox.lastEntry(outboxKey(group.key, name, entry)),
    );
    // Once told, they also hear of the rest and of the end.
    if (alerts.length > 0 && (overdue.length > 0 || wasTold)) {
      const ended = alerts.filter((alert) => isResolved(alert, nowMs));
      await this.#tellReceiver(group, name, wasTold ? alerts : [...overdue, ...ended], nowMs);
    }
    const next = open.filter((alert) => !overdue.includes(alert)).map((alert) => dueAtMs(alert) - nowMs);
    if (next.length > 0) this.#deps.clock.after(Math.max(1, Math.min(...next)), () => group.wakeNow());
  }

  #membersOf(group: AlertGroup): RoutedAlert[] {
    return [...group.members.keys()]
      .map((fingerprint) => this.#deps.registry.get(fingerprint))
      .filter((alert) => alert !== undefined);
  }

  /** What mutes every alert of a group. */
  #groupMutedBy(group: AlertGroup, nowMs: UnixMs): string[] {
    const names = group.routes.map((route) => this.#mutedBy(route, nowMs));
    return names.every((each) => each.length > 0) ? [...new Set(names.flat())] : [];
  }

  #mutedBy(route: Route, nowMs: UnixMs): string[] {
    const holds = (name: string): boolean =>
      this.#deps.timeIntervals
        .filter((interval) => interval.name === name)
        .some((interval) => interval.time_intervals.some((each) => containsTime(each, nowMs)));
    const muting = route.muteTimeIntervals.filter(holds);
    const isInactive = route.activeTimeIntervals.length > 0 && !route.activeTimeIntervals.some(holds);
    return isInactive ? [...muting, ...route.activeTimeIntervals] : muting;
  }

  #wasTold(route: Route, labels: Labels, alert: RoutedAlert): boolean {
    const key = groupKey(route, labels);
    return (this.#deps.receivers.get(route.receiver)?.entries ?? []).some((entry) =>
      this.#deps.outbox.lastEntry(outboxKey(key, route.receiver, entry))?.firing.includes(alert.fingerprint),
    );
  }

  #dropEmptyGroups(): void {
    for (const [key, group] of this.#groups) {
      if (!group.isEmpty) continue;
      void group.close();
      this.#groups.delete(key);
    }
  }
}

/** The key of one notifier about one group. */
export function outboxKey(
  group: string,
  receiver: string,
  entry: Pick<ReceiverEntry, "type" | "index">,
): string {
  // The last # of a key divides group and receiver, so a name such as "slack #oncall" must not bring its own.
  return `${group}#${receiver.replaceAll("#", "%23")}/${entry.type}/${entry.index}`;
}

function fingerprintOf(alert: RoutedAlert): string {
  return alert.fingerprint;
}

/** The route by which an alert came into its group. */
function routeIn(group: AlertGroup, alert: RoutedAlert): Route {
  return group.members.get(alert.fingerprint)?.route ?? group.route;
}

function sharedLabels(labels: Labels, alerts: readonly { readonly labels: Labels }[]): Labels {
  return Object.fromEntries(
    Object.entries(labels).filter(([name, value]) => alerts.every((alert) => alert.labels[name] === value)),
  );
}
