import { afterAll, beforeAll, expect, test } from "vitest";
import { Service } from "./support/service.js";
import { type SeenSpan, Sink } from "./support/sink.js";

const TRACE = "ab".repeat(16);
const PARENT = "cd".repeat(8);

let sink: Sink;
let service: Service;
let spans: SeenSpan[];
beforeAll(async () => {
  sink = await Sink.open();
  service = new Service("citizen.mjs", sink.url, { nodeArgs: [] });
  const url = await service.listening();
  await fetch(`${url}/quiet`);
  await fetch(`${url}/outer`, { headers: { "x-own-trace": `${TRACE}/${PARENT}`, "x-tail": "1" } });
  spans = await sink.until(() => sink.spans.length >= 4 && sink.spans);
});
afterAll(async () => {
  await service.stop();
  await sink.close();
});

const find = (path: string, kind: number) =>
  spans.find(
    (span) =>
      span.kind === kind && `${span.attributes["url.path"]}${span.attributes["url.full"]}`.includes(path),
  );

test("a service's own propagator and sampler decide: one trace from its header on, nothing of what it drops", () => {
  const outer = find("/outer", 2);
  const child = spans.find(({ name }) => name === "child");
  const client = find("/inner", 3);
  const inner = find("/inner", 2);
  expect(outer).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
  expect(child).toMatchObject({ traceId: TRACE, parentSpanId: outer?.spanId });
  expect(client).toMatchObject({ traceId: TRACE, parentSpanId: child?.spanId });
  expect(inner).toMatchObject({ traceId: TRACE, parentSpanId: client?.spanId });
  expect(find("/quiet", 2)).toBeUndefined();
  for (const span of spans) expect(span.attributes["sampled.as"]).toBe(span.name);
});

test("span processors are told the context a span starts in, and what they make of it is what is sent", () => {
  for (const path of ["/outer", "/inner"])
    expect(find(path, 2)?.attributes).toMatchObject({ "baggage.tenant": "blue", card: "hidden" });
});

test("a span processor that fails is said to, once, and nothing is lost by it", () => {
  expect(service.stderr.match(/OpenTelemetry says: .*a processor that fails/g)).toHaveLength(1);
});

test("what is no attribute is left out, as OpenTelemetry's SDK does, and the rest arrives", () => {
  const outer = find("/outer", 2);
  expect(outer).toMatchObject({
    attributes: { fine: ["a", "b"] },
    events: [{ name: "odd", attributes: { fine: 1 } }],
    links: [],
    status: { code: 2 },
  });
  for (const odd of ["big", "symbol", "list", "circular"]) expect(outer?.attributes).not.toHaveProperty(odd);
});
