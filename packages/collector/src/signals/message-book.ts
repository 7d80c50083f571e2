import type { UnixMs } from "@tocsin/model";
import { CardinalityGuard } from "./cardinality-guard.js";
import type { Lag, LagBook } from "./lag-book.js";
import { Observation } from "./observation.js";
import { currentStretch, emptyTotals, figuresOf, RequestWindow } from "./request-window.js";
import type { FollowedMessage } from "./service-graph.js";

/** How far a service is behind with the messages of one queue or topic. */
export interface MessageSignals {
  /** `messaging.system`, such as `kafka` or `aws_sqs`. */
  readonly system: string;
  readonly destination: string;
  readonly consumerGroup: string;
  /** Messages that wait for this service; null where no metric tells. */
  readonly lagMessages: number | null;
  /** How long the oldest message that waits has waited, as the queue tells; null where it does not. */
  readonly oldestSeconds: number | null;
  /** How old messages were when they were handled, over the last minute; null without one that tells. */
  readonly ageSeconds: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  /** Of how many messages the age is known. */
  readonly followed: number;
}

interface Consumer {
  readonly ages: RequestWindow;
  firstSeenMs: UnixMs;
  lastSeenMs: UnixMs;
}

/** Queues and topics per service that are told apart. */
const MAX_DESTINATIONS = 200;
const SLOT_SECONDS = 5;
const SLOTS = 13;
const FORGET_AFTER_SECONDS = 3_600;
const SEPARATOR = "\u0001";

/** How old messages are when services handle them, and how many wait. */
export class MessageBook {
  readonly #lags: LagBook;
  readonly #services = new Map<string, CardinalityGuard<Consumer>>();
  readonly #observation = new Observation();

  /** @param lags what the metrics of brokers tell */
  constructor(lags: LagBook) {
    this.#lags = lags;
  }

  /** A service that handles messages of a destination, whether or not their age is known. */
  noteConsumer({ service, environment, system, route, consumerGroup, toSecond }: Observation): void {
    this.#consumer(service, environment, system, route, consumerGroup, toSecond);
  }

  /** A message whose age is known. */
  add(message: FollowedMessage): void {
    const { service, environment, system, destination, consumerGroup, second } = message;
    const consumer = this.#consumer(service, environment, system, destination, consumerGroup, second);
    const observation = this.#observation;
    observation.fromSecond = second;
    observation.toSecond = second;
    observation.count = message.weight;
    observation.latencySeconds = message.ageSeconds;
    consumer.ages.add(observation);
  }

  /** Where a service is behind, the longest queue first. */
  messagesOf(service: string, environment: string, nowMs: UnixMs): MessageSignals[] {
    const all = this.#lags.lags(nowMs);
    const consumers = [...(this.#services.get(serviceKey(service, environment))?.entries() ?? [])].map(
      ([name, consumer]) => ({ ...partsOf(name), consumer }),
    );
    const described = consumers
      // Metrics of a client may lack the group that its spans carry.
      .filter(({ consumerGroup, destination }) => consumerGroup !== "" || !hasGroup(consumers, destination))
      .flatMap(({ consumer, ...parts }) => {
        const lags = all.filter((lag) => isOf(lag, parts));
        const ages = agesOf(consumer, nowMs);
        if (lags.length === 0) return [{ ...parts, ...ages, lagMessages: null, oldestSeconds: null }];
        return lags.map(({ consumerGroup, messages, oldestSeconds }) => ({
          ...{ ...parts, consumerGroup: parts.consumerGroup || consumerGroup },
          ...{ ...ages, lagMessages: messages, oldestSeconds },
        }));
      });
    const own = all
      .filter((lag) => lag.reporter === service && !consumers.some((parts) => isOf(lag, parts)))
      .map(({ system, destination, consumerGroup, messages, oldestSeconds }) => ({
        ...{ system, destination, consumerGroup, lagMessages: messages, oldestSeconds },
        ...{ ageSeconds: { p50: null, p95: null, p99: null }, followed: 0 },
      }));
    return [...described, ...own].sort((a, b) => (b.lagMessages ?? -1) - (a.lagMessages ?? -1));
  }

  forget(nowMs: UnixMs): void {
    for (const [key, destinations] of this.#services) {
      destinations.forget(nowMs / 1_000 - FORGET_AFTER_SECONDS);
      if (destinations.size === 0) this.#services.delete(key);
    }
  }

  #consumer(
    service: string,
    environment: string,
    system: string,
    destination: string,
    consumerGroup: string,
    second: number,
  ): Consumer {
    const key = serviceKey(service, environment);
    let destinations = this.#services.get(key);
    if (!destinations) {
      destinations = new CardinalityGuard(MAX_DESTINATIONS, () => ({
        ages: new RequestWindow(SLOT_SECONDS, SLOTS),
        firstSeenMs: Number.POSITIVE_INFINITY,
        lastSeenMs: 0,
      }));
      this.#services.set(key, destinations);
    }
    const name = [systemName(system), destination, consumerGroup].join(SEPARATOR);
    const consumer = destinations.use(name, second);
    consumer.firstSeenMs = Math.min(consumer.firstSeenMs, second * 1_000);
    consumer.lastSeenMs = Math.max(consumer.lastSeenMs, (second + 1) * 1_000);
    return consumer;
  }
}

function agesOf({ ages, firstSeenMs, lastSeenMs }: Consumer, nowMs: UnixMs) {
  const totals = emptyTotals();
  const { fromSecond, toSecond, seconds } = currentStretch(SLOT_SECONDS, firstSeenMs, lastSeenMs, nowMs);
  ages.addTo(totals, fromSecond, toSecond);
  const { latencySeconds, requests } = figuresOf(totals, seconds);
  return { ageSeconds: latencySeconds, followed: requests };
}

type ConsumerParts = Pick<MessageSignals, "system" | "destination" | "consumerGroup">;

function partsOf(name: string): ConsumerParts {
  const [system = "", destination = name, consumerGroup = ""] = name.split(SEPARATOR);
  return destination === name
    ? { system: "", destination, consumerGroup }
    : { system, destination, consumerGroup };
}

function hasGroup(consumers: readonly ConsumerParts[], destination: string): boolean {
  return consumers.some((other) => other.destination === destination && other.consumerGroup !== "");
}

function isOf(lag: Lag, { system, destination, consumerGroup }: ConsumerParts): boolean {
  return (
    lag.destination === destination &&
    (system === "" || lag.system === system) &&
    (consumerGroup === "" || lag.consumerGroup === "" || lag.consumerGroup === consumerGroup)
  );
}

/** SQS has had several names in OpenTelemetry. */
function systemName(system: string): string {
  return /sqs/i.test(system) ? "aws_sqs" : system;
}

function serviceKey(service: string, environment: string): string {
  return `${service}${SEPARATOR}${environment}`;
}
