import { afterAll, beforeAll, expect, test } from "vitest";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

let sink: Sink;
let service: Service;
beforeAll(async () => {
  sink = await Sink.open();
  const env = {
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "10",
    OTEL_ATTRIBUTE_COUNT_LIMIT: "8",
    OTEL_SPAN_EVENT_COUNT_LIMIT: "3",
    OTEL_SPAN_LINK_COUNT_LIMIT: "2",
    OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: "2",
    OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: "1",
  };
  service = new Service("limits.cjs", sink.url, { env });
  await sink.until(() => sink.spans.length === 3 && sink.logs.length === 1);
});
afterAll(async () => {
  await service.stop();
  await sink.close();
});

const cut = "y".repeat(10);

test.each([{ kind: 1 }, { kind: 2 }])("limits hold for spans of kind $kind", ({ kind }) => {
  const span = sink.spans.find((one) => one.kind === kind);
  const texts = Object.values(span?.attributes ?? {}).filter((value) => typeof value === "string");
  expect(Object.keys(span?.attributes ?? {})).toHaveLength(8);
  expect(texts.every(({ length }) => length <= 10)).toBe(true);
  expect(span?.events).toEqual(
    ["event2", "event3", "event4"].map((name) => ({ name, attributes: { a: cut, b: [cut] } })),
  );
  expect(span?.links.map(({ attributes }) => attributes)).toEqual([{ a: cut }, { a: cut }]);
});

test("and for log records", () => {
  const attributes = sink.logs[0]?.attributes ?? {};
  expect(Object.keys(attributes)).toHaveLength(8);
  expect(new Set(Object.values(attributes))).toEqual(new Set([cut]));
});
