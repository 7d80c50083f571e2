import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

const SERVER = 2;
const CLIENT = 3;

let sink: Sink;
beforeAll(async () => {
  sink = await Sink.open();
});
afterAll(() => sink.close());

describe("an express 5 service in CommonJS", () => {
  let service: Service;
  let url: string;
  beforeAll(async () => {
    service = new Service("express-app.cjs", sink.url, { env: { SERVICE_VERSION: "1.42.0" } });
    url = await service.listening();
  });
  afterAll(() => service.stop());

  test("sends one server span per request, named by its route, with a client span under it", async () => {
    const answer = await fetch(`${url}/orders/7?api_key=secret&x=1`, { headers: { "user-agent": "test/1" } });
    expect(answer.status).toBe(200);
    const server = await sink.span("GET /orders/:id");
    expect(server).toMatchObject({ kind: SERVER, parentSpanId: "", scope: "@tocsin/agent", status: {} });
    expect(server.attributes).toEqual({
      "http.request.method": "GET",
      "url.scheme": "http",
      "network.protocol.version": "1.1",
      "http.response.status_code": 200,
      "http.route": "/orders/:id",
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(url).port),
      "client.address": "127.0.0.1",
      "network.peer.address": "127.0.0.1",
      "network.peer.port": expect.any(Number),
      "user_agent.original": "test/1",
      "url.path": "/orders/7",
      "url.query": "api_key=REDACTED&x=1",
    });
    const client = await sink.until(() => sink.spans.find((span) => span.parentSpanId === server.spanId));
    expect(client).toMatchObject({ name: "GET", kind: CLIENT, traceId: server.traceId });
    expect(client.attributes).toMatchObject({
      "http.request.method": "GET",
      "http.response.status_code": 200,
      "url.full": `${url}/stock?token=REDACTED&q=1`,
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(url).port),
      "network.peer.address": "127.0.0.1",
      "network.protocol.version": "1.1",
    });
    const inner = await sink.until(() => sink.spans.find((span) => span.parentSpanId === client.spanId));
    expect(inner).toMatchObject({ name: "GET /stock", kind: SERVER, traceId: server.traceId });
    expect(server.startNano).toBeLessThanOrEqual(client.startNano);
    expect(server.endNano).toBeGreaterThanOrEqual(client.endNano);
  });

  test("carries the context through a body that is read by its events", async () => {
    const answer = await fetch(`${url}/upload`, { method: "POST", body: "abc" });
    expect(await answer.text()).toBe("3");
    const server = await sink.span("POST /upload");
    const client = await sink.until(() =>
      sink.spans.find(({ attributes }) => String(attributes["url.full"]).endsWith("from=upload")),
    );
    expect(client).toMatchObject({ traceId: server.traceId, parentSpanId: server.spanId });
  });

  test("carries the context through fetch", async () => {
    await fetch(`${url}/fetched`);
    const server = await sink.span("GET /fetched");
    const client = await sink.until(() => sink.spans.find((span) => span.parentSpanId === server.spanId));
    expect(client.attributes).toMatchObject({ "url.full": `${url}/stock`, "http.response.status_code": 200 });
    await sink.until(() => sink.spans.find((span) => span.parentSpanId === client.spanId));
  });

  test("goes on with a trace that comes in", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await fetch(`${url}/hello`, { headers: { traceparent } });
    const server = await sink.until(() =>
      sink.spans.find(({ traceId }) => traceId === "0af7651916cd43dd8448eb211c80319c"),
    );
    expect(server).toMatchObject({ name: "GET /hello", parentSpanId: "b7ad6b7169203331", flags: 0x301 });
  });

  test("marks failures by status and error.type", async () => {
    await fetch(`${url}/fail`);
    const server = await sink.span("GET /fail");
    expect(server.status.code).toBe(2);
    expect(server.attributes).toMatchObject({ "http.response.status_code": 500, "error.type": "500" });
    expect(server.events).toMatchObject([
      {
        name: "exception",
        attributes: { "exception.type": "TypeError", "exception.message": "card declined" },
      },
    ]);
  });

  test.each([
    { path: "/shops/42/items/7", route: "/shops/:shop/items/:item" },
    { path: "/plain/items/7", route: "/plain/items/:item" },
    { path: "/shops/42/broken", route: "/shops/:shop/broken" },
  ])("names mounted routes by their patterns: $route", async ({ path, route }) => {
    await fetch(url + path);
    expect((await sink.span(`GET ${route}`)).attributes["http.route"]).toBe(route);
  });

  test("leaves the route out where none matched, so that paths cannot become names", async () => {
    await fetch(`${url}/nowhere/${Math.random()}`);
    const server = await sink.until(() =>
      sink.spans.find(({ attributes }) => attributes["http.response.status_code"] === 404),
    );
    expect(server.name).toBe("GET");
    expect(server.attributes).not.toHaveProperty("http.route");
  });

  test("gives pino's lines their trace ids and sends them, redacted as pino did", async () => {
    const server = await sink.span("GET /orders/:id");
    const log = await sink.until(() => sink.logs.find(({ body }) => body === "order served"));
    expect(log).toMatchObject({
      severityNumber: 9,
      severityText: "info",
      traceId: server.traceId,
      spanId: server.spanId,
      attributes: { orderId: "7", password: "[Redacted]" },
    });
    const line = JSON.parse(service.stdout.split("\n").find((text) => text.includes("order served")) ?? "{}");
    expect(line).toMatchObject({ trace_id: server.traceId, span_id: server.spanId, trace_flags: "01" });
    const failure = await sink.until(() => sink.logs.find(({ body }) => body === "request failed"));
    expect(failure.attributes).toMatchObject({
      "exception.type": "TypeError",
      "exception.message": "card declined",
    });
  });

  test("counts every request in seconds, by route", async () => {
    const point = await sink.until(() =>
      sink.metrics
        .get("http.server.request.duration")
        ?.points.find(({ attributes }) => attributes["http.route"] === "/fail"),
    );
    expect(point.attributes).toEqual({
      "http.request.method": "GET",
      "url.scheme": "http",
      "network.protocol.version": "1.1",
      "http.response.status_code": 500,
      "http.route": "/fail",
      "error.type": "500",
    });
    expect(point.value).toBe(1);
    expect(point.bucketCounts?.reduce((sum, count) => sum + count)).toBe(1);
    expect(sink.metrics.get("http.server.request.duration")).toMatchObject({ unit: "s", kind: "histogram" });
    expect(sink.metrics.has("http.client.request.duration")).toBe(true);
  });

  test("measures the runtime", async () => {
    const utilization = await sink.until(() => sink.metrics.get("nodejs.eventloop.utilization"));
    expect(utilization.points[0]?.value).toBeGreaterThanOrEqual(0);
    for (const name of [
      "process.cpu.utilization",
      "process.memory.usage",
      "tocsin.threadpool.delay",
      "v8js.memory.heap.used",
      "v8js.memory.heap.limit",
    ])
      expect(sink.metrics.get(name)?.points.length, name).toBeGreaterThan(0);
  });

  test("says which libraries it watches, for `tocsin doctor`", async () => {
    const points = await sink.until(() => sink.metrics.get("tocsin_agent_library")?.points);
    const watched = points.filter(({ value }) => value === 1).map(({ attributes }) => attributes.library);
    expect(watched).toEqual(expect.arrayContaining(["http", "fetch", "express", "pino", "prom-client"]));
  });

  test("sends prom-client's metrics with their type and help", async () => {
    const metric = await sink.until(() => sink.metrics.get("shop_orders_total"));
    expect(metric).toMatchObject({ kind: "sum", isMonotonic: true, description: "Orders taken." });
    expect(metric.points).toMatchObject([{ attributes: { kind: "book" }, value: 1 }]);
  });

  test("says who sent it", async () => {
    const { resource } = await sink.span("GET /hello");
    expect(resource).toMatchObject({
      "service.name": "fixture",
      "service.version": "1.42.0",
      "telemetry.sdk.language": "nodejs",
      "process.pid": service.child.pid,
    });
    expect(resource["service.instance.id"]).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test("an express 5 service in ES modules sends the same", async () => {
  const own = await Sink.open();
  const service = new Service("express-app.mjs", own.url);
  try {
    const url = await service.listening();
    await fetch(`${url}/orders/7`);
    const server = await own.span("GET /orders/:id");
    const client = await own.until(() => own.spans.find((span) => span.parentSpanId === server.spanId));
    await own.until(() =>
      own.spans.find((span) => span.parentSpanId === client.spanId && span.name === "GET /stock"),
    );
    const log = await own.until(() => own.logs.find(({ body }) => body === "order served"));
    expect(log).toMatchObject({ traceId: server.traceId, spanId: server.spanId });
  } finally {
    await service.stop();
    await own.close();
  }
});

describe("a service that answers what clients expect", () => {
  let service: Service;
  let url: string;
  beforeAll(async () => {
    service = new Service("expecting.mjs", sink.url, { env: { OTEL_SERVICE_NAME: "expecting" } });
    url = await service.listening();
  });
  afterAll(() => service.stop());

  test.each([
    { path: "/own", expectation: "100-continue", status: 200 },
    { path: "/handed-on", expectation: "100-continue", status: 200 },
    { path: "/odd", expectation: "tea", status: 417 },
  ])("$path is one request", async ({ path, expectation, status }) => {
    const asked = request(url + path, { method: "POST", headers: { expect: expectation } });
    asked.on("continue", () => asked.end("body"));
    asked.flushHeaders();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    answer.resume();
    await once(answer, "end");
    asked.destroy();
    await sink.until(() => seen(path).length === 1);
    expect(seen(path)).toMatchObject([{ attributes: { "http.response.status_code": status } }]);
  });

  const seen = (path: string) =>
    sink.spans.filter(
      ({ resource, attributes }) =>
        resource["service.name"] === "expecting" && attributes["url.path"] === path,
    );
});
