import { AlertsError } from "../errors.js";

/** Why a try failed, or why a notification was given up. */
export type DeliveryFault =
  /** The destination does not want it: 4xx, a payload or a credential that is wrong. */
  | "rejected"
  /** The destination asked for a pause. */
  | "throttled"
  /** No answer, a broken connection or a fault of the other side. */
  | "unreachable"
  /** The address is one that we do not connect to. */
  | "forbidden_address"
  /** Only for what was given up: it could not be delivered for `expire_after`. */
  | "expired"
  /** Only for what was given up: the notifier is no longer configured. */
  | "unconfigured"
  | "other";

/** What one kind of notifier of one receiver did since the start. */
export interface DeliveryTotal {
  readonly receiver: string;
  /** The kind of notifier, such as `slack`; Alertmanager's `integration`. */
  readonly integration: string;
  readonly sent: number;
  /** Tries that failed, by reason. A notification that is retried counts each time. */
  readonly failed: Readonly<Partial<Record<DeliveryFault, number>>>;
  /** Notifications given up, by reason. */
  readonly dead: Readonly<Partial<Record<DeliveryFault, number>>>;
  /** Tries, delivered or not, and the seconds that they took together. */
  readonly tries: number;
  readonly trySeconds: number;
}

interface Counting {
  receiver: string;
  integration: string;
  sent: number;
  failed: Partial<Record<DeliveryFault, number>>;
  dead: Partial<Record<DeliveryFault, number>>;
  tries: number;
  trySeconds: number;
}

/** Counts deliveries by receiver and kind of notifier. */
export class DeliveryTotals {
  readonly #byKey = new Map<string, Counting>();

  /** @param key the outbox's key of the notifier, which ends in its kind and position */
  sent(key: string, receiver: string): void {
    this.#of(key, receiver).sent++;
  }

  failed(key: string, receiver: string, fault: DeliveryFault): void {
    const { failed } = this.#of(key, receiver);
    failed[fault] = (failed[fault] ?? 0) + 1;
  }

  gaveUp(key: string, receiver: string, fault: DeliveryFault): void {
    const { dead } = this.#of(key, receiver);
    dead[fault] = (dead[fault] ?? 0) + 1;
  }

  tried(key: string, receiver: string, durationMs: number): void {
    const counting = this.#of(key, receiver);
    counting.tries++;
    counting.trySeconds += durationMs / 1_000;
  }

  /** Every notifier that had something to send, by receiver and kind. */
  all(): DeliveryTotal[] {
    return [...this.#byKey.values()].map((each) => ({
      ...each,
      failed: { ...each.failed },
      dead: { ...each.dead },
    }));
  }

  #of(key: string, receiver: string): Counting {
    const integration = /\/([^/]+)\/\d+$/.exec(key)?.[1] ?? "unknown";
    const name = `${integration}\u0001${receiver}`;
    let counting = this.#byKey.get(name);
    if (!counting) {
      counting = { receiver, integration, sent: 0, failed: {}, dead: {}, tries: 0, trySeconds: 0 };
      this.#byKey.set(name, counting);
    }
    return counting;
  }
}

/** The reason behind what a notifier threw. */
export function faultOf(error: unknown): DeliveryFault {
  switch (error instanceof AlertsError ? error.code : undefined) {
    case "ALERTS_NOTIFY_REJECTED":
      return "rejected";
    case "ALERTS_NOTIFY_THROTTLED":
      return "throttled";
    case "ALERTS_NOTIFY_UNREACHABLE":
      return "unreachable";
    case "ALERTS_NOTIFY_FORBIDDEN_ADDRESS":
      return "forbidden_address";
    default:
      return "other";
  }
}
