import { expect, test } from "vitest";
import { tellQueueTime } from "./kafka.js";

test.each<{ name: string; timestamp?: string; want: number | undefined }>([
  { name: "a message that waited", timestamp: "1700000000000", want: 2_500 },
  { name: "a message from a clock that is ahead", timestamp: "1700000009000", want: 0 },
  { name: "a topic without timestamps", timestamp: "-1", want: undefined },
  { name: "a message without one", want: undefined },
])("$name", ({ want, ...message }) => {
  const told = new Map<string, number>();
  tellQueueTime({ setAttribute: (key, value) => told.set(key, value) }, { message }, 1_700_000_002_500);
  expect(told.get("kafka.record.queue_time_ms")).toBe(want);
});
