import { RuleGroupSource, readRuleFile } from "@tocsin/alerts";
import { ManualClock } from "@tocsin/model/testing";
import { expect, test } from "vitest";
import { tracesBody } from "../../test/otlp-data.js";
import { Head } from "../head/index.js";
import { decodeTraces } from "../otlp/index.js";
import { queryableOver } from "../parts/memory.js";
import { REQUEST_KEYS } from "../signals/request-attributes.js";
import { signalSeries } from "../signals/series.js";
import { Signals } from "../signals/signals.js";

const START = Date.parse("2026-11-20T14:00:00Z");
const DECODE = { attributes: REQUEST_KEYS, events: false, links: false };
const RESOURCE = {
  "service.name": "cart",
  "service.version": "2.0.0",
  "deployment.environment.name": "prod",
};

/** Four minutes of ten requests a second, a tenth of them failing, each 400 ms long; then ten seconds apart, series. */
async function publishedSeries() {
  const clock = new ManualClock(START);
  const head = new Head(
    { retentionMs: 3_600_000, outOfOrderMs: 0, maxSeries: 10_000, maxLabels: 50 },
    { clock },
  );
  const signals = new Signals();
  for (let at = 0; at < 24; at++) {
    const fromMs = clock.now();
    await clock.advance(10_000);
    const spans = Array.from({ length: 100 }, (_, index) => ({
      endMs: fromMs + index * 100,
      durationMs: 400,
      attributes: {
        "http.request.method": "GET",
        "http.route": "/cart",
        "http.response.status_code": index % 10 === 0 ? 500 : 200,
      },
    }));
    signals.observeTraces(decodeTraces(tracesBody(RESOURCE, spans), DECODE), clock.now());
    head.appendSamples(signalSeries(signals, clock.now()));
  }
  return { clock, queryable: queryableOver(head, clock) };
}

test.each([
  ["errors, over: 5%", 0.1],
  ["errors, over: 5%, environment: prod", 0.1],
  ["errors, over: 15%", undefined],
  ["errors, over: 5%, environment: staging", undefined],
  ["latency, over: 300ms", 0.4],
  ["latency, over: 300ms, quantile: 0.99, environment: prod", 0.4],
  ["latency, over: 500ms", undefined],
  ["traffic, over: 5", 10],
  ["traffic, under: 20", 10],
  ["traffic, under: 5", undefined],
])("signal: %s reads what is published from spans", async (fields, want) => {
  const text = `groups: [{name: g, rules: [{alert: A, service: cart, window: 2m, signal: ${fields}}]}]\n`;
  const { groups, problems } = readRuleFile({ file: "r.yml", text });
  expect(problems).toEqual([]);
  const { clock, queryable } = await publishedSeries();
  const source = new RuleGroupSource(groups[0]!, { queryable, externalUrl: "" });
  const values: (number | undefined)[] = [];
  for await (const { outcome } of await source.evaluate(clock.now())) {
    if (outcome.kind !== "samples") throw new Error(outcome.kind);
    values.push(...outcome.samples.map(({ value }) => value));
  }
  expect(values).toEqual(want === undefined ? [] : [expect.anything()]);
  for (const value of values) expect(Math.abs(value! / want! - 1)).toBeLessThan(0.05);
});
