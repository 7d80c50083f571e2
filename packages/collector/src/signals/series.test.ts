import { formatLabels } from "@tocsin/model";
import { expect, test } from "vitest";
import { tracesBody } from "../../test/otlp-data.js";
import { decodeTraces } from "../otlp/index.js";
import { compileSlo } from "../slo/compile.js";
import { SloConfig } from "../slo/config.js";
import { SloTracker } from "../slo/tracker.js";
import { signalSeries, sloSeries } from "./series.js";
import { Signals } from "./signals.js";

const START = Date.parse("2026-11-20T14:00:00Z");

test("signals, edges and SLOs are written down as series that PromQL reads", () => {
  const objective = { name: "slo", service: "checkout", objective: "99%", sli: { type: "availability" } };
  const tracker = new SloTracker([compileSlo(SloConfig.parse(objective))]);
  const signals = new Signals({ sinks: [tracker] });
  const call = { kind: 3, spanId: "00000000000000aa", endMs: START, durationMs: 20, isError: true };
  signals.observeTraces(decodeTraces(tracesBody({ "service.name": "gateway" }, [call])), START);
  const answers = Array.from({ length: 4 }, (_, index) => ({
    parentSpanId: index === 0 ? call.spanId : "",
    endMs: START,
    durationMs: 16,
    isError: index === 0,
  }));
  const resource = { "service.name": "checkout", "service.version": "2" };
  signals.observeTraces(decodeTraces(tracesBody(resource, answers)), START);
  const samples = [
    ...signalSeries(signals, START + 1_000),
    ...sloSeries(tracker.statuses(START + 1_000), START + 1_000),
  ];
  const shown = samples.map(
    ({ labels, value }) => `${formatLabels(labels)} ${Number((value as number).toPrecision(4))}`,
  );
  expect(shown).toContain('tocsin_service_requests_total{environment="", service="checkout", version="2"} 4');
  expect(shown).toContain('tocsin_service_errors_total{environment="", service="checkout", version="2"} 1');
  expect(shown).toContain(
    'tocsin_service_latency_seconds{environment="", quantile="0.95", service="checkout"} 0.016',
  );
  const edge = 'client="gateway", connection_type=""';
  for (const sample of [
    `traces_service_graph_request_total{${edge}, server="checkout"} 1`,
    `traces_service_graph_request_failed_total{${edge}, server="checkout"} 1`,
    `traces_service_graph_request_client_seconds_bucket{${edge}, le="0.01", server="checkout"} 0`,
    `traces_service_graph_request_client_seconds_bucket{${edge}, le="0.025", server="checkout"} 1`,
    `traces_service_graph_request_client_seconds_sum{${edge}, server="checkout"} 0.02`,
    `traces_service_graph_request_server_seconds_sum{${edge}, server="checkout"} 0.016`,
    `traces_service_graph_request_server_seconds_count{${edge}, server="checkout"} 1`,
  ])
    expect(shown).toContain(sample);
  expect(shown).toContain('tocsin_slo_burn_rate{service="checkout", slo="slo", window="5m"} 25');
  expect(shown).toContain('tocsin_slo_events{outcome="bad", service="checkout", slo="slo"} 1');
});
