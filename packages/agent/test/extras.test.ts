import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

let sink: Sink;
beforeAll(async () => {
  sink = await Sink.open();
});
afterAll(() => sink.close());

describe("a service with winston and prom-client's exemplars", () => {
  let service: Service;
  beforeAll(async () => {
    service = new Service("extras.cjs", sink.url, {
      env: { OTEL_SERVICE_NAME: "extras", TOCSIN_LOG_SOURCES: "winston" },
    });
    expect(await (await fetch(await service.listening())).text()).toBe("sold");
  });
  afterAll(() => service.stop());

  test("winston's entries carry the ids of their trace and are sent, meta and all", async () => {
    const server = await sink.span("GET");
    const log = await sink.until(() => sink.logs.find(({ body }) => body === "till is nearly empty"));
    expect(log).toMatchObject({
      severityNumber: 13,
      severityText: "warn",
      traceId: server.traceId,
      spanId: server.spanId,
      attributes: { component: "till", coins: 3 },
    });
    const line = JSON.parse(service.stdout.split("\n").find((text) => text.includes("till")) ?? "{}");
    expect(line).toMatchObject({ message: "till is nearly empty", trace_id: server.traceId });
    expect(sink.logs.filter(({ body }) => body === "till is nearly empty")).toHaveLength(1);
  });

  test("exemplars of counters and histograms name the trace they come from", async () => {
    const server = await sink.span("GET");
    const sales = await sink.until(() => sink.metrics.get("sales")?.points[0]);
    expect(sales).toMatchObject({ attributes: { till: "1" }, value: 2 });
    expect(sales.exemplars).toEqual([{ value: 2, traceId: server.traceId, attributes: { basket: "b-7" } }]);
    const price = await sink.until(() => sink.metrics.get("price_euros")?.points[0]);
    expect(price).toMatchObject({ value: 1, sum: 5, explicitBounds: [1, 10], bucketCounts: [0, 1, 0] });
    expect(price.exemplars).toEqual([{ value: 5, traceId: server.traceId, attributes: { basket: "b-7" } }]);
  });
});
