import { afterAll, beforeAll, expect, test } from "vitest";
import { SLOW } from "./support/ends.js";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

let sink: Sink;
let service: Service;
let seen: unknown;
beforeAll(async () => {
  sink = await Sink.open();
  // Nothing goes out by a timer: what arrives, the wrapper has flushed.
  service = new Service("lambdas.mjs", sink.url, { nodeArgs: [], env: SLOW });
  seen = await service.message();
});
afterAll(async () => {
  await service.stop();
  await sink.close();
});

test("handlers of every style end as they would without the wrapper, under the invocation's span", () => {
  expect(seen).toEqual({
    promised: { result: { statusCode: 200, inside: true } },
    rejected: { error: "out of stock" },
    thrown: { error: "out of stock" },
    callback: { result: { inside: true } },
    callbackError: { error: "no" },
    succeed: { result: { inside: true } },
    streamed: { result: "id-streamed" },
    failing: { result: { statusCode: 503 } },
    queue: { result: "taken" },
    balanced: { result: "taken" },
  });
});

test.each([
  { name: "promised", status: {}, attributes: { "http.response.status_code": 200 } },
  { name: "rejected", status: { code: 2 }, attributes: { "error.type": "RangeError" } },
  { name: "thrown", status: { code: 2 }, attributes: { "error.type": "RangeError" } },
  { name: "callback", status: {}, attributes: {} },
  { name: "callbackError", status: { code: 2 }, attributes: { "error.type": "RangeError" } },
  { name: "succeed", status: {}, attributes: {} },
  { name: "streamed", status: {}, attributes: {} },
  { name: "failing", status: { code: 2 }, attributes: { "error.type": "503" } },
])("$name has its span, delivered before the answer", ({ name, status, attributes }) => {
  expect(sink.spans.find((span) => span.name === name)).toMatchObject({
    kind: 2,
    status,
    attributes: {
      ...attributes,
      "faas.invocation_id": `id-${name}`,
      "faas.coldstart": true,
      "faas.trigger": "other",
      "cloud.resource_id": `arn:aws:lambda:eu-west-1:1:function:${name}`,
    },
  });
});

test("a batch is linked to the traces of its messages; a load balancer's request goes on with its trace", () => {
  const batch = sink.spans.find((span) => span.name === "queue");
  expect(batch).toMatchObject({
    kind: 5,
    attributes: { "faas.trigger": "pubsub", "messaging.batch.message_count": 2 },
  });
  expect(batch?.links.map(({ traceId }) => traceId)).toEqual(["a".repeat(32), "b".repeat(32)]);
  expect(sink.spans.find((span) => span.name === "balanced")).toMatchObject({
    traceId: "c".repeat(32),
    attributes: { "faas.trigger": "http", "faas.coldstart": false },
  });
});

test("an invocation that runs out of its time is told of before it does", async () => {
  expect(await sink.span("slow")).toMatchObject({
    status: { code: 2 },
    attributes: { "error.type": "timeout" },
  });
});
