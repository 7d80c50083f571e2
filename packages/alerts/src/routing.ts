import type { Clock, Labels, Logger } from "@tocsin/model";
import type { AlertingConfig } from "./config/alerting-config.js";
import type { ReceiverConfig } from "./config/receiver.js";
import type { Outbox } from "./deliver/outbox.js";
import { type Remote, remoteOf } from "./deliver/remote.js";
import type { AlertRegistry, RoutedAlert } from "./dispatch/alert-registry.js";
import { Dispatcher, outboxKey } from "./dispatch/dispatcher.js";
import { Inhibitor } from "./dispatch/inhibitor.js";
import type { HttpClient } from "./http/client.js";
import { maskedHttp } from "./http/masked.js";
import type { NotifierDeps } from "./notify/notifier.js";
import { buildRouteTree, matchRoutes, type Route } from "./route/route-tree.js";
import type { Silences } from "./silence/silences.js";
import { createMessageTemplates } from "./template/message-templates.js";

export interface RoutingDeps {
  readonly config: AlertingConfig;
  readonly templateSources: readonly string[];
  readonly registry: AlertRegistry;
  readonly silences: Silences;
  readonly outbox: Outbox;
  readonly isAcknowledged: (alert: RoutedAlert) => boolean;
  readonly http: HttpClient;
  readonly externalUrl: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Everything that is made anew when the config changes: routes, notifiers, groups. */
export class Routing {
  readonly dispatcher: Dispatcher;
  readonly #routes: Route;
  readonly #receivers: ReadonlyMap<string, ReceiverConfig>;
  readonly #remotes = new Map<string, Remote>();

  constructor(deps: RoutingDeps) {
    const { config } = deps;
    this.#routes = buildRouteTree(config.route);
    this.#receivers = new Map(config.receivers.map((receiver) => [receiver.name, receiver]));
    const notifierDeps: NotifierDeps = {
      http: deps.http,
      clock: deps.clock,
      logger: deps.logger,
      templates: createMessageTemplates(deps.templateSources, deps.clock),
      externalUrl: deps.externalUrl,
    };
    for (const receiver of config.receivers) {
      for (const entry of receiver.entries) {
        const notifier = entry.definition.create(entry.config, {
          ...notifierDeps,
          http: maskedHttp(deps.http, entry.config),
        });
        const remote = remoteOf(notifier, entry.config, entry.definition.limits);
        this.#remotes.set(outboxKey("", receiver.name, entry), remote);
      }
    }
    this.dispatcher = new Dispatcher({
      routes: this.#routes,
      receivers: this.#receivers,
      timeIntervals: config.time_intervals,
      registry: deps.registry,
      inhibitor: new Inhibitor(config.inhibit_rules, deps.registry),
      silences: deps.silences,
      outbox: deps.outbox,
      isAcknowledged: deps.isAcknowledged,
      fallbackReceiver: config.fallback_receiver,
      groupsIncidents: config.group_incidents,
      externalUrl: deps.externalUrl,
      clock: deps.clock,
      logger: deps.logger,
    });
  }

  /** The notifier behind an outbox key, whatever its group. */
  remoteOf(key: string): Remote | undefined {
    return this.#remotes.get(key.slice(key.lastIndexOf("#")));
  }

  /** The outbox keys of all notifiers of a receiver, for one group. */
  keysOf(group: string, receiver: string): string[] {
    return (this.#receivers.get(receiver)?.entries ?? []).map((entry) => outboxKey(group, receiver, entry));
  }

  /** After which the top route repeats what goes on. */
  get repeatIntervalMs(): number {
    return this.#routes.repeatIntervalMs;
  }

  routesOf(labels: Labels): Route[] {
    return matchRoutes(this.#routes, labels);
  }

  receiversOf(labels: Labels): string[] {
    return [...new Set(this.routesOf(labels).map((route) => route.receiver))];
  }

  closeDispatcher(): Promise<void> {
    return this.dispatcher.close();
  }

  async close(): Promise<void> {
    await this.dispatcher.close();
    await Promise.all([...this.#remotes.values()].map(({ notifier }) => notifier.close?.()));
  }
}
