import type { Clock, Labels, Logger, UnixMs } from "@tocsin/model";
import type { z } from "zod";
import type { GlobalConfig } from "../config/global.js";
import type { GateOptions } from "../deliver/destination-gate.js";
import type { Evidence } from "../explain/evidence.js";
import type { HttpClient } from "../http/client.js";
import type { MessageTemplates } from "../template/message-templates.js";

/** One alert inside a notification. */
export interface NotifiedAlert {
  readonly id: string;
  readonly fingerprint: string;
  readonly status: "firing" | "resolved";
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs: UnixMs;
  /** Undefined while it fires. */
  readonly endsAtMs: UnixMs | undefined;
  readonly generatorUrl: string;
  readonly value?: number | undefined;
  readonly evidence?: Evidence | undefined;
  /** Names of the actions that the rule asks for. */
  readonly actions?: readonly string[] | undefined;
}

/** What is to be said: the alerts of one group, for one receiver, at one moment. */
export interface Notification {
  /** The same over all retries, so that a receiver can drop what it has seen. */
  readonly id: string;
  readonly receiver: string;
  /** Alertmanager's group key: `{route}:{group labels}`. */
  readonly groupKey: string;
  readonly groupLabels: Labels;
  readonly commonLabels: Labels;
  readonly commonAnnotations: Labels;
  readonly status: "firing" | "resolved";
  readonly alerts: readonly NotifiedAlert[];
  /** Base URL of the page, without a slash at the end. */
  readonly externalUrl: string;
  /** When the group was flushed; retries keep it. */
  readonly createdAtMs: UnixMs;
  /** 1 for the first try. */
  readonly attempt: number;
  /** What the last successful notification of this group left behind, for instance Slack's message timestamp. */
  readonly previous: NotifierMemory | undefined;
  /** True when an alert resolved before its firing could be delivered; the text must then tell both. */
  readonly isLate: boolean;
  /** True when alerts of different routes or severities are told together because they are one incident. */
  readonly isIncident?: boolean | undefined;
}

/** Small and JSON-able; stored with the notification log. */
export type NotifierMemory = Readonly<Record<string, string | number | boolean>>;

/** A configured way out: one entry of one receiver. */
export interface Notifier {
  /** Names the remote end without secrets, such as `slack #oncall`. */
  readonly destination: string;
  /**
   * Sends one notification. Returning means that the remote end took it.
   *
   * @returns what the next notification of the same group should get as `previous`
   * @throws {AlertsError} ALERTS_NOTIFY_… ; `retryable` and `retryAfterMs` tell the outbox what to do
   */
  notify(notification: Notification, signal: AbortSignal): Promise<NotifierMemory | undefined>;
  close?(): Promise<void>;
}

/** What a notifier may use of the world. */
export interface NotifierDeps {
  /** HTTP with limits, no redirects and guarded addresses. */
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Renders the texts of the config, Go templates with Alertmanager's functions and our default messages. */
  readonly templates: MessageTemplates;
  readonly externalUrl: string;
}

/** A kind of notifier. Its config union, validation and docs are derived from the list in `notify/index.ts`. */
export interface NotifierDefinition<Schema extends z.ZodType = z.ZodType> {
  /** `slack` is configured under `slack_configs`. */
  readonly type: string;
  readonly config: Schema;
  /** Whether resolved alerts are sent when the entry does not say. As in Alertmanager. */
  readonly sendResolvedByDefault: boolean;
  /** What one destination takes, as its documentation says; default what a channel of a chat takes. */
  readonly limits?: Partial<GateOptions>;
  /**
   * Fills what the entry leaves out from `global`, and says what is still missing.
   *
   * @returns the complete config, or the problem as a sentence
   */
  resolve?(config: z.output<Schema>, global: GlobalConfig): z.output<Schema> | string;
  create(config: z.output<Schema>, deps: NotifierDeps): Notifier;
}

/** Declares a notifier; see `notify/webhook.ts` for a short one. */
export function defineNotifier<Schema extends z.ZodType>(
  definition: NotifierDefinition<Schema>,
): NotifierDefinition<Schema> {
  return definition;
}
