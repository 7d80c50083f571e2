// One piece, though long: here alone rules, routing, silences and the outbox meet, and the order of writing is kept.
import {
  type Cancel,
  type Clock,
  every,
  type Labels,
  type Logger,
  labelsKey,
  messageOf,
  silentLogger,
  systemClock,
  type UnixMs,
} from "@tocsin/model";
import { type Alert, type AlertListener, isOn } from "./alert.js";
import type { AlertingConfig } from "./config/alerting-config.js";
import type { DeliveryTotal } from "./deliver/delivery-totals.js";
import { Heartbeat, type HeartbeatStatus } from "./deliver/heartbeat.js";
import { type DeliveryRecord, keepNotifications, Outbox, type OutboxItem } from "./deliver/outbox.js";
import { type Acknowledgement, Acknowledgements, keepAcknowledgements } from "./dispatch/acknowledgements.js";
import { AlertRegistry, isResolved, type RoutedAlert } from "./dispatch/alert-registry.js";
import type { GroupView, MuteStatus } from "./dispatch/dispatcher.js";
import { reasonToTell } from "./dispatch/notification-log.js";
import { type PostedAlert, postedAlert } from "./dispatch/posted-alert.js";
import { AlertsError } from "./errors.js";
import type { EvidenceCollector } from "./explain/evidence.js";
import { ExplainedAlerts, isEvidenceRecord, keepEvidence } from "./explain/explained-alerts.js";
import { fingerprint } from "./fingerprint.js";
import { createAddressGuard } from "./http/address-guard.js";
import { createHttpClient, type HttpClient } from "./http/client.js";
import type { Journal, JournalRecord } from "./journal.js";
import { type Matcher, matchesAll } from "./route/matcher.js";
import { Routing } from "./routing.js";
import { AlertStore, keepAlerts, stateRecord } from "./rule/alert-store.js";
import { type EvaluatorDeps, type RuleStatus, SourceEvaluator } from "./rule/evaluator.js";
import type { SampleSink } from "./rule/sample-sink.js";
import type { AlertRuleSource } from "./rule/source.js";
import type { TrackedAlert } from "./rule/state.js";
import { WatchdogSource } from "./rule/watchdog.js";
import { SilenceEndingSource } from "./silence/ending-source.js";
import { keepSilences, Silences } from "./silence/silences.js";
import { type SimilarSilence, similarSilences } from "./silence/similar.js";

/** What `createAlerting` is handed. */
export interface AlertingOptions {
  readonly config: AlertingConfig;
  /** Rule groups and SLOs. May be empty: Alertmanager's API still takes alerts from others. */
  readonly ruleSources: readonly AlertRuleSource[];
  /** Where alert state, silences, the notification log and the outbox are written down. */
  readonly journal: Journal;
  /** Base URL of the page for links in messages, without a slash at the end. */
  readonly externalUrl: string;
  /** Takes `ALERTS` and `ALERTS_FOR_STATE`. */
  readonly appendSamples?: SampleSink | undefined;
  readonly listeners?: readonly AlertListener[] | undefined;
  readonly evidence?: EvidenceCollector | undefined;
  /** Texts of the files under `templates:`. */
  readonly templateSources?: readonly string[] | undefined;
  /** Default: the real client, guarded by `config.allow_private_targets`. */
  readonly http?: HttpClient | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  /** 0 to 1; default `Math.random`. For jitter only. */
  readonly random?: (() => number) | undefined;
  /** Labels added to every alert on its way out, as Prometheus's `external_labels`. */
  readonly externalLabels?: Labels | undefined;
}

/** The rules of one source and how their evaluation goes. */
export interface RuleGroupStatus {
  readonly name: string;
  readonly intervalMs: number;
  readonly rules: readonly RuleStatus[];
  readonly lastEvaluatedAtMs: number | undefined;
  readonly lastDurationMs: number;
  readonly evaluations: number;
  readonly missedIterations: number;
  /** Evaluations of single rules, and how many of them failed. */
  readonly ruleEvaluations: number;
  readonly ruleFailures: number;
}

/** An alert with what keeps it quiet, if anything does. */
export interface RoutedAlertView extends MuteStatus {
  readonly alert: RoutedAlert;
  readonly receivers: readonly string[];
  readonly acknowledgement: Acknowledgement | undefined;
}

/** What a silence would do; see {@link Alerting.previewSilence}. */
export interface SilencePreview {
  /** Alerts that fire now and would be muted. */
  readonly firing: readonly RoutedAlert[];
  /** How many fire in all: a silence that mutes every one of them is worth a second look. */
  readonly firingInAll: number;
  /** Different alerts that matched now or in the last 90 days, of the last 1,000 that fired. */
  readonly knownCount: number;
  readonly similar: readonly SimilarSilence[];
}

/** What may change while alerting runs. */
export type AlertingReload = Pick<
  AlertingOptions,
  "config" | "ruleSources" | "templateSources" | "externalLabels"
>;

/**
 * The whole way from rules to people: evaluates every source, keeps the state of alerts, routes, groups and delivers.
 *
 * Order of writing: a change of state is in the journal before listeners and groups hear of it; a notification is
 * in the journal before it is sent. So after a kill everything that was decided is told at least once.
 */
export class Alerting {
  readonly silences: Silences;
  readonly #options: AlertingOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #store = new AlertStore();
  readonly #registry = new AlertRegistry();
  readonly #acknowledgements: Acknowledgements;
  readonly #explained: ExplainedAlerts;
  readonly #outbox: Outbox;
  #config: AlertingConfig;
  #externalLabels: Labels;
  #routing: Routing;
  #evaluators: SourceEvaluator[] = [];
  /** How many of the evaluators, the last ones, are of alerts about the alerting itself. */
  #ownCount = 0;
  #cancelMaintenance: Cancel | undefined;
  #heartbeat: Heartbeat | undefined;
  #isClosed = false;

  constructor(options: AlertingOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#externalLabels = options.externalLabels ?? {};
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    const { journal } = options;
    const write = (record: JournalRecord): Promise<void> => journal.append(record);
    journal.addCompaction({
      part: "alert",
      keep: (records, nowMs) => [
        ...keepEvidence(records, nowMs),
        ...keepAlerts(
          records.filter((record) => !isEvidenceRecord(record)),
          nowMs,
        ),
      ],
    });
    journal.addCompaction({ part: "silence", keep: keepSilences });
    journal.addCompaction({ part: "notification", keep: keepNotifications });
    journal.addCompaction({ part: "acknowledgement", keep: keepAcknowledgements });
    this.silences = new Silences(async (record) => {
      await write(record);
    });
    this.#acknowledgements = new Acknowledgements(write);
    this.#explained = new ExplainedAlerts(write);
    this.#outbox = new Outbox({
      write,
      remoteOf: (key) => this.#routing.remoteOf(key),
      onDead: (item, error) => void this.#tellFallback(item, error),
      clock: this.#clock,
      logger: this.#logger,
      random: options.random ?? Math.random,
      expireAfterMs: options.config.expire_after,
    });
    this.#routing = this.#createRouting(options.config, options.templateSources ?? []);
  }

  /** Reads the journal back, then starts evaluating and delivering. */
  async start(): Promise<void> {
    for await (const record of this.#options.journal.read()) {
      try {
        this.#store.restore(record);
        this.#explained.restore(record);
        this.silences.restore(record);
        this.#acknowledgements.restore(record);
        this.#outbox.restore(record);
      } catch (error) {
        // One damaged record must not keep the rest from being remembered.
        this.#logger.error(
          { kind: record.kind, error: messageOf(error) },
          "a record of the journal was skipped",
        );
      }
    }
    await this.#adopt(this.#options.ruleSources);
    for (const { alert } of this.#store.all()) if (alert.state !== "pending") this.#route(alert);
    for (const { alert } of this.#store.all()) if (isOn(alert.state)) this.#announce(alert, "firing", true);
    this.#outbox.start();
    this.#startHeartbeat();
    this.#cancelMaintenance = every(this.#clock, 60_000, () => this.#maintain());
  }

  /** Pending, firing and recently resolved alerts, firing first. */
  alerts(): readonly Alert[] {
    const order = (alert: Alert): number => (isOn(alert.state) ? 0 : alert.state === "pending" ? 1 : 2);
    return [...this.#store.all()]
      .map(({ alert }) => alert)
      .sort((a, b) => order(a) - order(b) || b.activeAtMs - a.activeAtMs);
  }

  /** One alert by id, or by fingerprint for its latest episode: also one that ended, of the last 1,000 in 90 days. */
  find(name: string): Alert | undefined {
    const current = this.alerts().find(({ id, fingerprint }) => id === name || fingerprint === name);
    return current ? this.#explained.withEvidence(current) : this.#explained.find(name);
  }

  /** The sources that were handed over; alerts about the alerting itself are nobody's rules. */
  ruleGroups(): RuleGroupStatus[] {
    return this.#evaluators.slice(0, this.#evaluators.length - this.#ownCount).map((evaluator) => ({
      name: evaluator.source.name,
      intervalMs: evaluator.source.intervalMs,
      rules: evaluator.status(),
      lastEvaluatedAtMs: evaluator.lastEvaluatedAtMs,
      lastDurationMs: evaluator.lastDurationMs,
      evaluations: evaluator.evaluations,
      missedIterations: evaluator.missedIterations,
      ruleEvaluations: evaluator.ruleCounts.evaluations,
      ruleFailures: evaluator.ruleCounts.failures,
    }));
  }

  /** Every alert on its way out, from our rules and from others. */
  routedAlerts(): RoutedAlertView[] {
    return this.#registry.all().map((alert) => ({
      alert,
      receivers: this.#routing.receiversOf(alert.labels),
      acknowledgement: this.#acknowledgements.get(alert.id),
      ...this.#routing.dispatcher.muteStatus(alert.labels),
    }));
  }

  /** Where one of our alerts goes, and what keeps it quiet. */
  routingOf(alert: Alert): MuteStatus & { readonly receivers: readonly string[] } {
    const { labels } = this.#outgoing(alert);
    return { receivers: this.#routing.receiversOf(labels), ...this.#routing.dispatcher.muteStatus(labels) };
  }

  /** What a silence would mute, before anybody makes it. */
  previewSilence(matchers: readonly Matcher[]): SilencePreview {
    const nowMs = this.#clock.now();
    const firing = this.#firingThat(matchers);
    const all = this.#registry.all().filter((alert) => !isResolved(alert, nowMs));
    const recent = this.#explained
      .all()
      .map((alert) => this.#outgoing(alert))
      .filter(({ labels }) => matchesAll(matchers, labels));
    const known = new Set([...firing, ...recent].map((alert) => alert.fingerprint));
    return {
      firing,
      firingInAll: all.length,
      knownCount: known.size,
      similar: similarSilences(matchers, this.silences.all(nowMs), nowMs),
    };
  }

  groups(): GroupView[] {
    return this.#routing.dispatcher.groups();
  }

  get config(): AlertingConfig {
    return this.#config;
  }

  /** Waiting, dead and recently sent notifications. */
  notifications(): DeliveryRecord[] {
    return this.#outbox.deliveries();
  }

  /** Totals since the start, for metrics. */
  get deliveryCounts(): Readonly<Outbox["counts"]> {
    return this.#outbox.counts;
  }

  /** The same by receiver and kind of notifier, with the reasons of failures. */
  deliveryTotals(): DeliveryTotal[] {
    return this.#outbox.totals.all();
  }

  /** Sends a notification again that was given up. @throws {AlertsError} ALERTS_NOTIFICATION_UNKNOWN */
  replayNotification(id: string): Promise<void> {
    return this.#outbox.replay(id);
  }

  /**
   * Takes alerts that another program sends, as Alertmanager's API does.
   *
   * @throws {AlertsError} ALERTS_ALERT_INVALID for the first that is not valid; the others are taken
   */
  receive(posted: readonly PostedAlert[]): void {
    const nowMs = this.#clock.now();
    let fault: unknown;
    for (const each of posted) {
      try {
        const known = this.#registry.get(fingerprint(each.labels));
        this.#take(postedAlert(each, known, this.#config.global.resolve_timeout, nowMs));
      } catch (error) {
        fault ??= error;
      }
    }
    if (fault) throw fault;
  }

  /** Notes who has taken an alert on. @throws {AlertsError} ALERTS_ALERT_UNKNOWN */
  async acknowledge(alertId: string, by: string, comment: string): Promise<Acknowledgement> {
    const alert = this.#registry.all().find((each) => each.id === alertId || each.fingerprint === alertId);
    const nowMs = this.#clock.now();
    if (!alert || isResolved(alert, nowMs))
      throw new AlertsError(
        "ALERTS_ALERT_UNKNOWN",
        `No alert ${JSON.stringify(alertId)} fires now, so there is nothing to acknowledge.`,
      );
    const acknowledgement = { alertId: alert.id, by, comment, atMs: nowMs };
    await this.#acknowledgements.set(acknowledgement);
    return acknowledgement;
  }

  acknowledgement(alertId: string): Acknowledgement | undefined {
    return this.#acknowledgements.get(alertId);
  }

  /** The receivers that labels would reach, in order, with the keys of their routes. */
  routeOf(labels: Labels): { receiver: string; route: string }[] {
    return this.#routing.routesOf(labels).map((route) => ({ receiver: route.receiver, route: route.key }));
  }

  /**
   * Swaps config and rules as a whole. Alerts keep their state by source and rule id; alerts of rules that are gone
   * resolve. What is validated before must not fail here.
   */
  async reload(next: AlertingReload): Promise<void> {
    const before = this.#routing;
    const routing = this.#createRouting(next.config, next.templateSources ?? []);
    await Promise.all(this.#evaluators.map((evaluator) => evaluator.close()));
    this.#evaluators = [];
    this.#ownCount = 0;
    this.#config = next.config;
    this.#endUnderOldLabels(next.externalLabels ?? {});
    this.#routing = routing;
    await before.close();
    await this.#heartbeat?.close();
    this.#startHeartbeat();
    await this.#adopt(next.ruleSources);
    for (const alert of this.#registry.all()) routing.dispatcher.handle(alert);
  }

  /** Under other external labels our alerts are others to everybody who was told: what was known by the old ones ends. */
  #endUnderOldLabels(labels: Labels): void {
    if (labelsKey(labels) === labelsKey(this.#externalLabels)) return;
    const nowMs = this.#clock.now();
    const known = [...this.#store.all()].filter(({ alert }) => isOn(alert.state));
    for (const { alert } of known)
      this.#registry.put({ ...this.#outgoing(alert), endsAtMs: nowMs, updatedAtMs: nowMs });
    this.#externalLabels = labels;
    for (const { alert } of known) this.#registry.put(this.#outgoing(alert));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelMaintenance?.();
    await this.#heartbeat?.close();
    await Promise.all(this.#evaluators.map((evaluator) => evaluator.close()));
    await this.#routing.closeDispatcher();
    await this.#outbox.close();
    await this.#routing.close();
  }

  /** How the dead man's switch goes; undefined when none is configured. */
  get heartbeat(): HeartbeatStatus | undefined {
    return this.#heartbeat?.status;
  }

  #startHeartbeat(): void {
    const { heartbeat } = this.#config;
    this.#heartbeat =
      heartbeat &&
      new Heartbeat(heartbeat, {
        http: this.#http(this.#config),
        clock: this.#clock,
        logger: this.#logger,
        fault: (nowMs) => this.#evaluationFault(nowMs),
      });
    this.#heartbeat?.start();
  }

  /** A source that has not been evaluated for three intervals: alerts may be missing, so nobody may say all is well. */
  #evaluationFault(nowMs: UnixMs): string | undefined {
    for (const { source, lastEvaluatedAtMs, startedAtMs } of this.#evaluators) {
      const lateMs = nowMs - (lastEvaluatedAtMs ?? startedAtMs);
      if (lateMs > 3 * source.intervalMs + 10_000)
        return `the rules of ${source.name} have not been evaluated for ${Math.round(lateMs / 1_000)} s`;
    }
    return this.#queryFault();
  }

  /** One rule that fails is its author's; when every one that asks for data fails, nobody would hear of anything. */
  #queryFault(): string | undefined {
    const asking = this.#evaluators.filter(({ source }) => source.recorded !== undefined);
    const rules = asking.flatMap((evaluator) => evaluator.status());
    if (rules.length === 0 || rules.some(({ health }) => health !== "error")) return undefined;
    return `not one rule can be evaluated: ${rules[0]?.error}`;
  }

  /** Alerts about the alerting itself. */
  #ownSources(): AlertRuleSource[] {
    const { watchdog, warn_before_silence_ends } = this.#config;
    const own: AlertRuleSource[] = [];
    if (warn_before_silence_ends > 0)
      own.push(
        new SilenceEndingSource({
          silences: () => this.silences.all(this.#clock.now()),
          mutedBy: (silence) => this.#firingThat(silence.matchers).map(({ labels }) => labels),
          warnBeforeMs: warn_before_silence_ends,
        }),
      );
    if (watchdog) own.push(new WatchdogSource((atMs) => this.#evaluationFault(atMs)));
    return own;
  }

  #firingThat(matchers: readonly Matcher[]): RoutedAlert[] {
    const nowMs = this.#clock.now();
    return this.#registry
      .all()
      .filter((alert) => !isResolved(alert, nowMs) && matchesAll(matchers, alert.labels));
  }

  /** Starts evaluating sources; alerts of rules that nobody evaluates any more end. */
  async #adopt(rules: readonly AlertRuleSource[]): Promise<void> {
    const nowMs = this.#clock.now();
    const own = this.#ownSources();
    const sources = [...rules, ...own];
    const orphans = this.#store.settle(sources, nowMs);
    if (orphans.length > 0) {
      await this.#options.journal.append(stateRecord(orphans, nowMs)).catch((error: unknown) => {
        this.#logger.error({ error: messageOf(error) }, "alert state could not be written down");
      });
      const changed = orphans.map(({ tracked }) => tracked);
      this.#publish(changed, changed);
    }
    const deps: EvaluatorDeps = {
      store: this.#store,
      write: (record) => this.#options.journal.append(record),
      publish: (alerts, changed) => this.#publish(alerts, changed),
      appendSamples: this.#options.appendSamples,
      evidence: this.#options.evidence,
      explained: (tracked, nowMs) => {
        this.#keepExplained(tracked.alert, nowMs);
        // Known to groups from now on, but no news to anybody.
        this.#publish([tracked], []);
      },
      externalUrl: this.#options.externalUrl,
      clock: this.#clock,
      logger: this.#logger,
    };
    this.#evaluators = sources.map((source) => new SourceEvaluator(source, deps));
    this.#ownCount = own.length;
    for (const evaluator of this.#evaluators) evaluator.start();
  }

  #publish(alerts: readonly TrackedAlert[], changed: readonly TrackedAlert[]): void {
    const news = new Set(changed.map(({ alert }) => alert.id));
    for (const { alert } of alerts) {
      const routed = this.#registry.put(this.#outgoing(alert));
      if (news.has(alert.id)) this.#routing.dispatcher.handle(routed);
    }
    for (const { alert } of changed) {
      if (isOn(alert.state) || alert.state === "resolved") this.#keepExplained(alert, alert.updatedAtMs);
      if (isOn(alert.state)) this.#announce(alert, "firing", false);
      else if (alert.state === "resolved") this.#announce(alert, "resolved", false);
    }
  }

  /** Evidence outlives the alert. Nobody is told later because it is written. */
  #keepExplained(alert: Alert, nowMs: UnixMs): void {
    this.#explained.keep(alert, nowMs).catch((error: unknown) => {
      this.#logger.error({ alert: alert.id, error: messageOf(error) }, "evidence could not be written down");
    });
  }

  #route(alert: Alert): void {
    this.#take(this.#outgoing(alert));
  }

  #take(alert: RoutedAlert): void {
    this.#routing.dispatcher.handle(this.#registry.put(alert));
  }

  #outgoing(alert: Alert): RoutedAlert {
    const hasExternal = Object.keys(this.#externalLabels).length > 0;
    const labels = hasExternal ? { ...this.#externalLabels, ...alert.labels } : alert.labels;
    return {
      id: alert.id,
      fingerprint: hasExternal ? fingerprint(labels) : alert.fingerprint,
      labels,
      annotations: alert.annotations,
      startsAtMs: alert.startsAtMs ?? alert.activeAtMs,
      endsAtMs: alert.endsAtMs,
      updatedAtMs: alert.updatedAtMs,
      generatorUrl: alert.generatorUrl,
      value: alert.value,
      evidence: alert.evidence,
      actions: alert.actions,
      ...(alert.leadLabels ? { leadLabels: { ...this.#externalLabels, ...alert.leadLabels } } : {}),
    };
  }

  #announce(alert: Alert, kind: "firing" | "resolved", isRepeat: boolean): void {
    for (const listener of this.#options.listeners ?? []) {
      // Through a promise, so that one that throws at once is treated as one that rejects.
      Promise.resolve()
        .then(() => listener.onAlertChange({ kind, alert, isRepeat }))
        .catch((error: unknown) => {
          this.#logger.error({ alert: alert.id, error: messageOf(error) }, "a listener of alerts failed");
        });
    }
  }

  async #tellFallback(item: OutboxItem, error: string): Promise<void> {
    const fallback = this.#config.fallback_receiver;
    if (fallback === undefined || item.isFallback || item.notification.receiver === fallback) return;
    this.#logger.warn(
      { receiver: item.notification.receiver, fallback, error },
      "telling the fallback receiver instead",
    );
    for (const key of this.#routing.keysOf(item.notification.groupKey, fallback)) {
      const last = this.#outbox.lastEntry(key);
      // A receiver that refuses is tried at every turn of its group; the fallback hears of what is new, and of repeats.
      const isNews =
        !last ||
        reasonToTell(last, item.entry, {
          sendResolved: true,
          repeatIntervalMs: this.#routing.repeatIntervalMs,
          nowMs: this.#clock.now(),
          areRepeatsStopped: false,
        });
      if (!isNews) continue;
      await this.#outbox.queue(key, { ...item.notification, receiver: fallback }, item.entry, true);
    }
  }

  #createRouting(config: AlertingConfig, templateSources: readonly string[]): Routing {
    return new Routing({
      config,
      templateSources,
      registry: this.#registry,
      silences: this.silences,
      outbox: this.#outbox,
      isAcknowledged: (alert) => this.#acknowledgements.get(alert.id) !== undefined,
      http: this.#http(config),
      externalUrl: this.#options.externalUrl,
      clock: this.#clock,
      logger: this.#logger,
    });
  }

  #http(config: AlertingConfig): HttpClient {
    return (
      this.#options.http ??
      createHttpClient(createAddressGuard({ allowPrivateTargets: config.allow_private_targets }))
    );
  }

  #maintain(): void {
    const nowMs = this.#clock.now();
    this.#registry.forgetEndedBefore(nowMs - 900_000);
    const ids = new Set([
      ...this.#registry.all().map((alert) => alert.id),
      ...this.alerts().map((alert) => alert.id),
    ]);
    this.#acknowledgements.forget((id) => !ids.has(id));
  }
}

/** See {@link Alerting}. */
export function createAlerting(options: AlertingOptions): Alerting {
  return new Alerting(options);
}
