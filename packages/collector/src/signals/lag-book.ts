import type { UnixMs } from "@tocsin/model";
import { attributeKey, attributeText, type MetricColumns, type OtlpMetric } from "../otlp/index.js";

/** What waits at one destination for one group of consumers. */
export interface Lag {
  readonly system: MessagingSystem;
  readonly destination: string;
  /** "" where the system has none, such as SQS. */
  readonly consumerGroup: string;
  /** Service that told it: an exporter beside the broker, or the consumer itself. */
  readonly reporter: string;
  /** Messages that wait, over all partitions; null where only the age is told. */
  readonly messages: number | null;
  /** How long the oldest of them has waited; null where nobody tells. */
  readonly oldestSeconds: number | null;
  readonly atMs: UnixMs;
}

export type MessagingSystem = "kafka" | "aws_sqs";

interface LagMetric {
  readonly system: MessagingSystem;
  readonly what: "messages" | "oldest";
  /** Whether one point is of one partition, or of all of them together. */
  readonly isTotal: boolean;
}

const partition: LagMetric = { system: "kafka", what: "messages", isTotal: false };
const total: LagMetric = { system: "kafka", what: "messages", isTotal: true };
const queue: LagMetric = { system: "aws_sqs", what: "messages", isTotal: true };
const oldest: LagMetric = { system: "aws_sqs", what: "oldest", isTotal: true };

/**
 * Metrics that tell how far consumers are behind: of OpenTelemetry's Kafka receiver, Kafka's own clients, kafka_exporter,
 * and CloudWatch (as a metric stream, or by its two Prometheus exporters).
 */
export const LAG_METRICS: Readonly<Record<string, LagMetric>> = {
  "kafka.consumer_group.lag": partition,
  "kafka.consumer_group.lag_sum": total,
  "kafka.consumer.records_lag": partition,
  kafka_consumer_group_lag: partition,
  kafka_consumer_group_lag_sum: total,
  kafka_consumergroup_lag: partition,
  kafka_consumergroup_lag_sum: total,
  "amazonaws.com/AWS/SQS/ApproximateNumberOfMessagesVisible": queue,
  "amazonaws.com/AWS/SQS/ApproximateAgeOfOldestMessage": oldest,
  aws_sqs_approximate_number_of_messages_visible_average: queue,
  aws_sqs_approximate_number_of_messages_visible_maximum: queue,
  aws_sqs_approximate_age_of_oldest_message_average: oldest,
  aws_sqs_approximate_age_of_oldest_message_maximum: oldest,
};

const DESTINATION_KEYS = [
  "topic",
  "messaging.destination.name",
  "QueueName",
  "queue_name",
  "dimension_QueueName",
];
const GROUP_KEYS = ["group", "consumergroup", "consumer_group", "messaging.consumer.group.name"];
const PARTITION_KEYS = ["partition", "messaging.destination.partition.id"];
/** CloudWatch tells once a minute to once in five. */
const STALE_AFTER_MS = 600_000;
const PARTITIONS_KEPT = 20_000;

interface Reading {
  readonly value: number;
  readonly atMs: UnixMs;
}

interface LagEntry extends Pick<Lag, "system" | "destination" | "consumerGroup" | "reporter"> {
  readonly partitions: Map<string, Reading>;
  total: Reading | undefined;
  oldest: Reading | undefined;
}

/** The newest readings of how far the consumers of queues and topics are behind. */
export class LagBook {
  readonly #entries = new Map<string, LagEntry>();
  #partitionCount = 0;
  #told: { readonly nowMs: UnixMs; readonly lags: readonly Lag[] } | undefined;

  observe(columns: MetricColumns): void {
    this.#told = undefined;
    for (const metric of columns.metrics) {
      const known = LAG_METRICS[metric.name];
      const reporter = columns.resources[metric.resource]?.serviceName;
      if (!known || reporter === undefined) continue;
      for (let point = metric.firstPoint; point < metric.firstPoint + metric.pointCount; point++) {
        this.#note(known, metric, columns, point, reporter);
      }
    }
  }

  /** What was told lately. Every service asks, as a rule all at one instant. */
  lags(nowMs: UnixMs): readonly Lag[] {
    if (this.#told?.nowMs !== nowMs) this.#told = { nowMs, lags: [...this.#tell(nowMs)] };
    return this.#told.lags;
  }

  forget(nowMs: UnixMs): void {
    this.#partitionCount = 0;
    for (const [key, entry] of this.#entries) {
      for (const [id, reading] of entry.partitions) if (!isFresh(reading, nowMs)) entry.partitions.delete(id);
      this.#partitionCount += entry.partitions.size;
      const { total: sum, oldest: age } = entry;
      if (entry.partitions.size === 0 && !isFresh(sum, nowMs) && !isFresh(age, nowMs)) {
        this.#entries.delete(key);
      }
    }
  }

  *#tell(nowMs: UnixMs): Generator<Lag> {
    for (const { system, destination, consumerGroup, reporter, ...entry } of this.#entries.values()) {
      const fresh = [...entry.partitions.values()].filter((reading) => isFresh(reading, nowMs));
      // The sum over partitions is exact where they are told apart.
      const counts = fresh.length > 0 ? fresh : [entry.total].filter((reading) => isFresh(reading, nowMs));
      const age = isFresh(entry.oldest, nowMs) ? entry.oldest : undefined;
      if (counts.length === 0 && !age) continue;
      yield {
        ...{ system, destination, consumerGroup, reporter },
        messages: counts.length === 0 ? null : counts.reduce((sum, each) => sum + (each?.value ?? 0), 0),
        oldestSeconds: age?.value ?? null,
        atMs: Math.max(age?.atMs ?? 0, ...counts.map((each) => each?.atMs ?? 0)),
      };
    }
  }

  #note(known: LagMetric, metric: OtlpMetric, columns: MetricColumns, point: number, reporter: string): void {
    const labels = labelsOf(columns, point);
    const destination = firstOf(labels, DESTINATION_KEYS);
    const value = messagesAt(columns, metric, point);
    if (destination === "" || !Number.isFinite(value)) return;
    const consumerGroup = firstOf(labels, GROUP_KEYS);
    const key = [known.system, destination, consumerGroup].join("\u0001");
    let entry = this.#entries.get(key);
    const id = known.isTotal ? "" : firstOf(labels, PARTITION_KEYS);
    if (!entry?.partitions.has(id) && this.#partitionCount >= PARTITIONS_KEPT) return;
    if (!entry) {
      const { system } = known;
      entry = {
        ...{ system, destination, consumerGroup, reporter },
        partitions: new Map(),
        total: undefined,
        oldest: undefined,
      };
      this.#entries.set(key, entry);
      this.#partitionCount++;
    }
    // A group that is ahead for a moment of what its exporter knew is not behind.
    const reading = { value: Math.max(0, value), atMs: columns.timeMs[point] ?? 0 };
    if (known.what === "oldest") entry.oldest = newer(entry.oldest, reading);
    else if (known.isTotal) entry.total = newer(entry.total, reading);
    else {
      if (!entry.partitions.has(id)) this.#partitionCount++;
      entry.partitions.set(id, newer(entry.partitions.get(id), reading));
    }
  }
}

function newer(known: Reading | undefined, reading: Reading): Reading {
  return known && known.atMs > reading.atMs ? known : reading;
}

function isFresh(reading: Reading | undefined, nowMs: UnixMs): boolean {
  return reading !== undefined && nowMs - reading.atMs <= STALE_AFTER_MS;
}

/** A gauge's value; of CloudWatch's summaries the greatest value within their period. */
function messagesAt(columns: MetricColumns, { kind }: OtlpMetric, point: number): number {
  if (kind !== "summary") return columns.value[point] ?? Number.NaN;
  const last = (columns.quantileFirst[point + 1] ?? 0) - 1;
  if (last >= (columns.quantileFirst[point] ?? 0)) return columns.quantileValues[last] ?? Number.NaN;
  const count = columns.count[point] ?? 0;
  return count > 0 ? (columns.sum[point] ?? Number.NaN) / count : Number.NaN;
}

/** Attributes of a point; CloudWatch's metric streams hold their dimensions in one of them. */
function labelsOf({ attributes }: MetricColumns, point: number): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  const end = attributes.first[point + 1] ?? 0;
  for (let index = attributes.first[point] ?? 0; index < end; index++) {
    const key = attributeKey(attributes, index);
    const text = attributeText(attributes, index);
    labels.set(key, text);
    if (key !== "Dimensions") continue;
    for (const [name, value] of Object.entries(dimensionsOf(text))) labels.set(name, String(value));
  }
  return labels;
}

function dimensionsOf(text: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

function firstOf(labels: ReadonlyMap<string, string>, keys: readonly string[]): string {
  for (const key of keys) {
    const value = labels.get(key);
    if (value !== undefined && value !== "") return value;
  }
  return "";
}
