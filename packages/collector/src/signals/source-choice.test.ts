import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationsOf, feedMetrics, feedSpans, processOf, START } from "../../test/signal-feeds.js";
import { Signals } from "./signals.js";
import { METRICS_GONE_AFTER_MS, SourceChoice } from "./source-choice.js";

const SECOND = 1_000;

test("every request of every process is counted once, whenever its metrics begin and in whatever order they come", () => {
  const feeds = fc.array(
    fc.record({
      // Exports every ten seconds from here on; spans from the beginning.
      metricsFrom: fc.integer({ min: 0, max: 6 }),
      spansFirst: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(feeds, (processes) => {
      const signals = new Signals({ sinceMs: START });
      for (let step = 0; step < 6; step++) {
        for (const [index, { metricsFrom, spansFirst }] of processes.entries()) {
          const from = processOf("checkout", "1", `i-${index}`);
          const ends = Array.from({ length: 10 }, (_, second) => START + (step * 10 + second) * SECOND + 500);
          const spans = () =>
            feedSpans(
              signals,
              ends.map((endMs) => ({ endMs, durationMs: 1 })),
              from,
            );
          const metrics = () => {
            if (step < metricsFrom) return;
            const timeMs = START + (step + 1) * 10 * SECOND;
            feedMetrics(signals, [durationsOf([{ timeMs, count: (step + 1) * 10 }])], from);
          };
          for (const feed of spansFirst ? [spans, metrics] : [metrics, spans]) feed();
        }
      }
      const total = [...signals.versions()].reduce((sum, { requestsTotal }) => sum + requestsTotal, 0);
      const said = processes.length * 60;
      // A process may change over only once; nothing is ever counted by both.
      expect(total).toBeLessThanOrEqual(said + 1e-9);
      const everyoneMeasures = processes.every(({ metricsFrom }) => metricsFrom === 0);
      if (everyoneMeasures || processes.every(({ metricsFrom }) => metricsFrom === 6)) {
        expect(total).toBeCloseTo(said, 9);
      }
    }),
    { numRuns: 100 },
  );
});

describe("the choice", () => {
  test("is the spans again when no metric has come for three minutes", () => {
    const choice = new SourceChoice();
    choice.countsMetricAfter("server", "checkout", "i-1", START);
    expect(choice.countsSpan("server", "checkout", "i-1", START + METRICS_GONE_AFTER_MS)).toBe(false);
    expect(choice.countsSpan("server", "checkout", "i-1", START + METRICS_GONE_AFTER_MS + 1)).toBe(true);
    expect(choice.sourceOf("server", "checkout")).toBe("spans");
  });

  test("is made for servers and consumers apart", () => {
    const choice = new SourceChoice();
    choice.countsMetricAfter("server", "checkout", "i-1", START);
    expect(choice.countsSpan("server", "checkout", "i-1", START + SECOND)).toBe(false);
    expect(choice.countsSpan("consumer", "checkout", "i-1", START + SECOND)).toBe(true);
  });

  test("is the same after a restart", () => {
    const before = new SourceChoice();
    before.countsSpan("server", "checkout", "i-1", START);
    before.countsMetricAfter("server", "checkout", "i-1", START + SECOND);
    before.countsOrigin("server", "checkout", "otlp", START + SECOND);
    const after = new SourceChoice();
    after.load(JSON.parse(JSON.stringify(before.toJSON())));
    for (const choice of [before, after]) {
      expect(choice.countsSpan("server", "checkout", "i-1", START + SECOND)).toBe(true);
      expect(choice.countsSpan("server", "checkout", "i-1", START + SECOND + 1)).toBe(false);
      expect(choice.countsOrigin("server", "checkout", "samples", START + 2 * SECOND)).toBe(false);
    }
  });
});
