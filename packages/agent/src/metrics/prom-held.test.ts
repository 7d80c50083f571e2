import fc from "fast-check";
import { Counter, Gauge, Histogram, Registry, Summary } from "prom-client";
import { expect, test } from "vitest";
import { heldBy } from "./prom-held.js";
import { type PromMetric, promToScopeMetrics } from "./prom-metrics.js";

const labels = fc.record({ shop: fc.constantFrom("north", "south") }, { requiredKeys: [] });
const trace = fc.option(fc.constant({ trace_id: "0af7651916cd43dd8448eb211c80319c" }), { nil: undefined });
const counts = fc.array(fc.tuple(labels, fc.double({ min: 0, max: 20, noNaN: true }), trace));

const kinds = {
  counter: (registers: Registry[]) => {
    const counter = new Counter({ ...note, enableExemplars: true, registers });
    return {
      metric: counter,
      count: (at: object, value: number, exemplarLabels?: object) =>
        counter.inc({ labels: at, value, ...(exemplarLabels ? { exemplarLabels } : {}) }),
    };
  },
  gauge: (registers: Registry[]) => {
    const gauge = new Gauge({ ...note, registers });
    return { metric: gauge, count: (at: object, value: number) => gauge.set(at, value - 10) };
  },
  histogram: (registers: Registry[]) => {
    const histogram = new Histogram({ ...note, buckets: [1, 5, 10], enableExemplars: true, registers });
    return {
      metric: histogram,
      count: (at: object, value: number, exemplarLabels?: object) =>
        histogram.observe({ labels: at, value, ...(exemplarLabels ? { exemplarLabels } : {}) }),
    };
  },
  summary: (registers: Registry[]) => {
    const summary = new Summary({ ...note, percentiles: [0.5, 0.99], registers });
    return { metric: summary, count: (at: object, value: number) => summary.observe(at, value) };
  },
};
const note = { name: "sold", help: "What was sold.", labelNames: ["shop"] };

test.each(Object.entries(kinds))("of a %s it is what prom-client would tell", async (_kind, make) => {
  await fc.assert(
    fc.asyncProperty(counts, async (written) => {
      const registry = new Registry();
      // Exemplars are for OpenMetrics.
      registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
      const { metric, count } = make([registry]);
      for (const [at, value, exemplar] of written) count(at, value, exemplar);
      const held = heldBy(metric);
      expect(held && told(held)).toEqual(told((await metric.get()) as unknown as PromMetric));
    }),
  );
});

test("what keeps its values elsewhere is left out", () => {
  expect(heldBy({ name: "a", help: "b", type: "counter", inc: () => undefined })).toBeUndefined();
  expect(heldBy({ name: "a", help: "b", type: "untold", hashMap: {} })).toBeUndefined();
});

function told(metric: PromMetric) {
  return promToScopeMetrics({ name: "prom-client" }, [metric], 0, 1);
}
