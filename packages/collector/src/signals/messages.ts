import type { RequestAttributes } from "./request-attributes.js";

/**
 * What a consumer span is about: `process` handled a message, `receive` fetched one or several (in services that do not
 * trace what they do with them, that is all that is known), `none` is neither.
 */
export type MessageRole = "process" | "receive" | "none";

/**
 * Reads a consumer span's role.
 *
 * @see OpenTelemetry semantic conventions for messaging spans, `messaging.operation.type`.
 */
export function messageRole(attributes: RequestAttributes): MessageRole {
  switch (attributes.text("messaging.operation.type", "messaging.operation")) {
    case "receive":
    case "poll":
      // A look into an empty queue is no message.
      return attributes.number("messaging.batch.message_count") === 0 ? "none" : "receive";
    case "settle":
    case "ack":
    case "commit":
      return "none";
    default:
      return "process";
  }
}

/**
 * How long a message waited before it was handled, in seconds, where attributes tell when it was sent; else NaN.
 *
 * @param startMs when handling began
 */
export function messageAgeSeconds(attributes: RequestAttributes, startMs: number): number {
  const queuedMs = attributes.number("kafka.record.queue_time_ms");
  if (queuedMs >= 0) return queuedMs / 1_000;
  const sent = attributes.number(
    "messaging.eventhubs.message.enqueued_time",
    "messaging.servicebus.message.enqueued_time",
  );
  // Clocks of two machines differ: what seems to come from the future is new.
  return sent > 0 && startMs > 0 ? Math.max(0, startMs / 1_000 - sent) : Number.NaN;
}
