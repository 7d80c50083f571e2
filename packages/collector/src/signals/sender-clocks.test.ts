import { expect, test } from "vitest";
import { decodeMetrics, decodeTraces, otlpJsonToProtobuf } from "../otlp/index.js";
import { SenderClocks } from "./sender-clocks.js";

const NOW = 1_790_000_000_000;
const resource = (service: string) => ({
  attributes: [{ key: "service.name", value: { stringValue: service } }],
});

function spans(service: string, endMs: number) {
  const ids = { traceId: "5b8efff798038103d269b633813fc60c", spanId: "eee19b7ec3c1b174" };
  const times = { startTimeUnixNano: `${endMs - 5}000000`, endTimeUnixNano: `${endMs}000000` };
  const request = {
    resourceSpans: [{ resource: resource(service), scopeSpans: [{ spans: [{ ...ids, ...times }] }] }],
  };
  return decodeTraces(otlpJsonToProtobuf("traces", JSON.stringify(request)));
}

function points(service: string, timeMs: number) {
  const gauge = { dataPoints: [{ timeUnixNano: `${timeMs}000000`, asInt: "1" }] };
  const request = {
    resourceMetrics: [{ resource: resource(service), scopeMetrics: [{ metrics: [{ name: "m", gauge }] }] }],
  };
  return decodeMetrics(otlpJsonToProtobuf("metrics", JSON.stringify(request)));
}

test("a sender is as far ahead as its freshest item", () => {
  const clocks = new SenderClocks();
  clocks.observe(spans("ahead", NOW + 90_000), NOW);
  clocks.observe(spans("ahead", NOW + 80_000), NOW + 1_000);
  clocks.observe(points("right", NOW - 10), NOW);
  expect(clocks.list()).toEqual([
    { service: "ahead", instance: "", clockSkewSeconds: 90 },
    { service: "right", instance: "", clockSkewSeconds: -0.01 },
  ]);
});

test("what was sent late says nothing of a clock once something fresh came", () => {
  const clocks = new SenderClocks();
  clocks.observe(points("shop", NOW - 3_600_000), NOW);
  expect(clocks.list()).toMatchObject([{ clockSkewSeconds: -3_600 }]);
  clocks.observe(points("shop", NOW + 900), NOW + 1_000);
  expect(clocks.list()).toMatchObject([{ clockSkewSeconds: -0.1 }]);
});

test("a clock that was set right is right after ten minutes", () => {
  const clocks = new SenderClocks();
  for (let minute = 0; minute <= 11; minute++) {
    const nowMs = NOW + minute * 60_000;
    clocks.observe(points("shop", minute === 0 ? nowMs + 60_000 : nowMs), nowMs);
  }
  expect(clocks.list()).toMatchObject([{ clockSkewSeconds: 0 }]);
});

test("nothing is concluded from items without a time", () => {
  const clocks = new SenderClocks();
  clocks.observe(points("shop", 0), NOW);
  expect(clocks.list()).toEqual([]);
});
