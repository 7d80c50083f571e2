import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import { decodeRequest } from "../../test/support/otlp-schema.js";
import { tracesRequest } from "../send/requests.js";
import { SpanClock } from "./clock.js";
import { SpanBatch } from "./span-batch.js";

const context = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 };

function span(name: string, attributes: object, links: object[] = []): ReadableSpan {
  const instrumentationScope = { name: "test" };
  const base = {
    name,
    attributes,
    links,
    kind: 0,
    startTime: [1, 0],
    endTime: [1, 0],
    events: [],
    status: { code: 0 },
  };
  const counts = { droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 };
  return { ...base, ...counts, instrumentationScope, spanContext: () => context } as unknown as ReadableSpan;
}

test("a span that cannot be encoded is left out and told of; the others stay readable", () => {
  let invalid = 0;
  const batch = new SpanBatch({
    clock: new SpanClock(),
    limitBytes: 1 << 20,
    onFull: () => {},
    onInvalid: () => invalid++,
  });
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  batch.add(span("before", { a: 1 }));
  batch.add(span("circular", circular));
  batch.add(span(7n as unknown as string, {}));
  batch.add(span("after", {}, [{ context: { traceId: "x", spanId: "y", traceFlags: 1 } }, { context }]));
  const [taken] = batch.take();
  const parts = tracesRequest(new Uint8Array(), [
    { scope: new Uint8Array(), spans: taken?.bytes ?? new Uint8Array(), schemaUrl: undefined },
  ]);
  // biome-ignore lint/suspicious/noExplicitAny: a decoded message is as the wire has it.
  const { spans } = (decodeRequest("traces", Buffer.concat(parts)) as any).resourceSpans[0].scopeSpans[0];
  expect(spans).toMatchObject([{ name: "before" }, { name: "after", droppedLinksCount: 1 }]);
  expect(spans[1].links).toHaveLength(1);
  expect([taken?.count, invalid]).toEqual([2, 2]);
});
