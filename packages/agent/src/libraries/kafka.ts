/** As much of a span as is written to here. */
interface Attributed {
  setAttribute(key: string, value: number): unknown;
}

/**
 * Tells on a consumer's span how long its message had waited: from its timestamp, which the producer or the broker set,
 * until now.
 */
export function tellQueueTime(
  span: Attributed,
  { message }: { readonly message: { readonly timestamp?: string } },
  nowMs = Date.now(),
): void {
  const sentMs = Number(message.timestamp);
  // Clocks of two machines differ: what seems to come from the future is new. A topic without timestamps has -1.
  if (sentMs > 0) span.setAttribute("kafka.record.queue_time_ms", Math.max(0, nowMs - sentMs));
}
