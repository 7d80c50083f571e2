import { describe, expect, test } from "vitest";
import type { TestAttributes, TestMetric, TestSpan } from "../../test/otlp-data.js";
import { feedMetrics, feedSpans, processOf, START } from "../../test/signal-feeds.js";
import { signalSeries } from "./series.js";
import { Signals } from "./signals.js";

const ORDERS = { "messaging.system": "kafka", "messaging.destination.name": "orders" };
const GROUPED = { ...ORDERS, "messaging.consumer.group.name": "billing" };

function sent(spanId: string, second: number): TestSpan {
  return { kind: 4, spanId, endMs: START + second * 1_000, durationMs: 2, attributes: ORDERS };
}

/** A message that is handled from this second on, in 50 ms. */
function handled(parentSpanId: string, second: number, attributes: TestAttributes = GROUPED): TestSpan {
  return {
    kind: 5,
    spanId: `f${parentSpanId.slice(1)}`,
    parentSpanId,
    endMs: START + second * 1_000 + 50,
    durationMs: 50,
    attributes,
  };
}

const id = (number: number) => number.toString(16).padStart(16, "0");

function gauge(
  name: string,
  second: number,
  values: readonly (readonly [TestAttributes, number])[],
): TestMetric {
  const points = values.map(([attributes, value]) => ({ timeMs: START + second * 1_000, attributes, value }));
  return { name, kind: "gauge", points };
}

const messagesOf = (signals: Signals, second: number, service = "billing") =>
  signals.service(service, START + second * 1_000)!.messaging;

describe("the age of messages", () => {
  test("is the time from the sender's span to the consumer's, whichever comes first", () => {
    const signals = new Signals();
    feedSpans(signals, [sent(id(1), 1)], processOf("shop"));
    feedSpans(signals, [handled(id(1), 4), handled(id(2), 5)], processOf("billing"));
    feedSpans(signals, [sent(id(2), 2)], processOf("shop"));
    const [messages] = messagesOf(signals, 6);
    expect(messages).toMatchObject({
      system: "kafka",
      destination: "orders",
      consumerGroup: "billing",
      followed: 2,
    });
    expect(messages!.ageSeconds.p50! / 3).toBeCloseTo(1, 1);
    expect(messages!.lagMessages).toBeNull();
  });

  test("is known of a consumer that is minutes behind", () => {
    const signals = new Signals();
    feedSpans(signals, [sent(id(1), 1)], processOf("shop"));
    feedSpans(signals, [{ endMs: START + 300_000, durationMs: 1 }], processOf("shop"));
    feedSpans(signals, [handled(id(1), 601)], processOf("billing"));
    const [messages] = messagesOf(signals, 602);
    expect(messages!.ageSeconds.p99! / 600).toBeCloseTo(1, 1);
  });

  test.each<{ name: string; attributes: TestAttributes; age: number }>([
    { name: "Kafka's queue time", attributes: { "kafka.record.queue_time_ms": 7_000 }, age: 7 },
    {
      name: "when an event hub took it",
      attributes: { "messaging.eventhubs.message.enqueued_time": START / 1_000 + 1 },
      age: 9,
    },
  ])("is read from $name, and told once where its sender is known too", ({ attributes, age }) => {
    const signals = new Signals();
    feedSpans(signals, [sent(id(1), 9)], processOf("shop"));
    feedSpans(signals, [handled(id(1), 10, { ...GROUPED, ...attributes })], processOf("billing"));
    const [messages] = messagesOf(signals, 11);
    expect(messages!.followed).toBe(1);
    expect(messages!.ageSeconds.p50! / age).toBeCloseTo(1, 1);
  });

  test("is that of messages handled, not of commits, and never below zero", () => {
    const signals = new Signals();
    feedSpans(signals, [sent(id(1), 9), sent(id(2), 9)], processOf("shop"));
    feedSpans(
      signals,
      [handled(id(1), 8), handled(id(2), 20, { ...GROUPED, "messaging.operation.type": "settle" })],
      processOf("billing"),
    );
    expect(messagesOf(signals, 21)).toMatchObject([{ followed: 1, ageSeconds: { p50: 0 } }]);
  });

  test("is known of a service that is counted by its metrics", () => {
    const signals = new Signals({ sinceMs: START });
    const point = {
      startMs: START,
      timeMs: START + 10_000,
      attributes: ORDERS,
      bucketCounts: [3, 0],
      bounds: [1],
    };
    feedMetrics(
      signals,
      [{ name: "messaging.process.duration", unit: "s", kind: "histogram", points: [point] }],
      processOf("billing"),
    );
    feedSpans(signals, [sent(id(1), 9)], processOf("shop"));
    feedSpans(signals, [handled(id(1), 11)], processOf("billing"));
    const detail = signals.service("billing", START + 12_000)!;
    expect(detail).toMatchObject({ source: "metrics", work: "messages", requests: 3 });
    // Its metrics carry no group; the one that its spans carry is shown, once.
    expect(detail.messaging).toMatchObject([
      { destination: "orders", consumerGroup: "billing", followed: 1 },
    ]);
  });
});

describe("what a consumer's spans count as", () => {
  const operation = (type: string, more: TestAttributes = {}) => ({
    ...ORDERS,
    "messaging.operation.type": type,
    ...more,
  });
  test.each([
    { name: "messages that are handled", types: ["process", "process"], want: 2 },
    {
      name: "messages that are fetched, where nothing tells that they are handled",
      types: ["receive"],
      want: 1,
    },
    {
      name: "not both, where they are fetched and then handled",
      types: ["process", "receive", "process"],
      want: 2,
    },
    { name: "no acknowledgement", types: ["settle", "process"], want: 1 },
  ])("$name", ({ types, want }) => {
    const signals = new Signals();
    feedSpans(
      signals,
      types.map((type, index) => handled(id(index + 1), 1 + index, operation(type))),
      processOf("billing"),
    );
    expect(signals.service("billing", START + 5_000)!.requests).toBe(want);
  });

  test("a look into an empty queue is no message", () => {
    const signals = new Signals();
    const looks = [0, 3].map((count, index) =>
      handled(id(index + 1), 1, operation("receive", { "messaging.batch.message_count": count })),
    );
    feedSpans(signals, looks, processOf("billing"));
    expect(signals.service("billing", START + 5_000)!.requests).toBe(1);
  });
});

describe("lag", () => {
  const consuming = (group: TestAttributes = GROUPED) => {
    const signals = new Signals();
    feedSpans(signals, [handled(id(1), 1, group)], processOf("billing"));
    return signals;
  };
  const exporter = { "service.name": "kafka-exporter" };
  const of = (group: string, partition: string, topic = "orders") => ({ group, topic, partition });

  test("of OpenTelemetry's Kafka receiver is that of the group that consumes, over its partitions", () => {
    const signals = consuming();
    feedMetrics(
      signals,
      [
        gauge("kafka.consumer_group.lag", 10, [
          [of("billing", "0"), 40],
          [of("billing", "1"), 2],
          [of("audit", "0"), 900],
          [of("billing", "0", "returns"), 7],
        ]),
        gauge("kafka.consumer_group.lag_sum", 10, [[{ group: "billing", topic: "orders" }, 41]]),
      ],
      exporter,
    );
    expect(messagesOf(signals, 11)).toMatchObject([
      { destination: "orders", consumerGroup: "billing", lagMessages: 42 },
    ]);
    feedMetrics(
      signals,
      [
        gauge("kafka.consumer_group.lag", 20, [
          [of("billing", "0"), 0],
          [of("billing", "1"), -1],
        ]),
      ],
      exporter,
    );
    expect(messagesOf(signals, 21)).toMatchObject([{ lagMessages: 0 }]);
  });

  test("of kafka_exporter, for a client that does not tell its group", () => {
    const signals = consuming(ORDERS);
    feedMetrics(
      signals,
      [
        gauge("kafka_consumergroup_lag", 10, [
          [{ consumergroup: "billing", topic: "orders", partition: "0" }, 5],
        ]),
      ],
      exporter,
    );
    expect(messagesOf(signals, 11)).toMatchObject([{ consumerGroup: "billing", lagMessages: 5 }]);
  });

  test("that the consumer itself tells needs no spans", () => {
    const signals = new Signals();
    feedSpans(signals, [{ endMs: START, durationMs: 1 }], processOf("billing"));
    feedMetrics(
      signals,
      [gauge("kafka.consumer.records_lag", 10, [[{ topic: "orders", partition: "3" }, 12]])],
      processOf("billing"),
    );
    expect(messagesOf(signals, 11)).toMatchObject([
      { system: "kafka", destination: "orders", lagMessages: 12, followed: 0 },
    ]);
  });

  test.each<{ name: string; point: TestAttributes }>([
    { name: "a metric stream", point: { QueueName: "orders" } },
    { name: "the names of an exporter", point: { queue_name: "orders" } },
  ])("and age of SQS come from CloudWatch by $name", ({ point }) => {
    const signals = consuming({
      "messaging.system": "aws_sqs",
      "messaging.destination.name": "orders",
    });
    const names =
      "QueueName" in point
        ? [
            "amazonaws.com/AWS/SQS/ApproximateNumberOfMessagesVisible",
            "amazonaws.com/AWS/SQS/ApproximateAgeOfOldestMessage",
          ]
        : [
            "aws_sqs_approximate_number_of_messages_visible_maximum",
            "aws_sqs_approximate_age_of_oldest_message_maximum",
          ];
    feedMetrics(signals, [gauge(names[0]!, 10, [[point, 33]]), gauge(names[1]!, 10, [[point, 120]])], {
      "service.name": "cloudwatch",
    });
    expect(messagesOf(signals, 11)).toMatchObject([
      { system: "aws_sqs", lagMessages: 33, oldestSeconds: 120 },
    ]);
    // What was told ten minutes ago says nothing about now.
    expect(messagesOf(signals, 611)).toMatchObject([{ lagMessages: null, oldestSeconds: null }]);
  });

  test("and age are series too", () => {
    const signals = consuming({ ...GROUPED, "kafka.record.queue_time_ms": 2_000 });
    feedMetrics(signals, [gauge("kafka.consumer_group.lag", 10, [[of("billing", "0"), 8]])], exporter);
    const shown = [...signalSeries(signals, START + 11_000)]
      .filter(({ labels }) => labels.__name__!.startsWith("tocsin_service_message_"))
      .map(({ labels: { __name__, quantile = "", ...labels }, value }) => ({
        name: `${__name__} ${quantile}`.trim(),
        labels,
        value,
      }));
    const labels = {
      service: "billing",
      environment: "prod",
      messaging_system: "kafka",
      destination: "orders",
      consumer_group: "billing",
    };
    expect(shown.map(({ name }) => name)).toEqual([
      "tocsin_service_message_lag",
      ...["0.5", "0.95", "0.99"].map((quantile) => `tocsin_service_message_age_seconds ${quantile}`),
    ]);
    expect(shown[0]).toEqual({ name: "tocsin_service_message_lag", labels, value: 8 });
    expect(Number(shown[1]!.value) / 2).toBeCloseTo(1, 1);
  });
});
