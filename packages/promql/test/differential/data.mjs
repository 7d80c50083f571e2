import { seeded } from "./random.mjs";

/** Whole seconds; queries run at half seconds and samples sit at odd milliseconds, so that no sample or subquery step falls
 * on the edge of a window, where Prometheus 2 (closed) and 3 (left-open) differ by design. */
export const START_MS = 1_700_000_000_000;
export const END_MS = START_MS + 3 * 3_600_000;
export const STALE = Symbol("stale");

/**
 * Series of every shape that PromQL cares about: counters with resets, gauges, classic histograms, gaps, staleness markers,
 * series that end and begin, NaN and infinities. Values are whole or dyadic, so that sums are exact in any order.
 */
export function makeSeries(seed) {
  const random = seeded(seed);
  const series = [];
  const add = (labels, value, { gapMs = 15_000, from = START_MS, to = END_MS, skip = () => false } = {}) => {
    const phase = random.below(14) * 1000 + 1 + random.below(400);
    const samples = [];
    let index = 0;
    for (let t = from + phase; t < to; t += gapMs, index++) {
      if (skip(t, index)) continue;
      samples.push([t, value(index, t)]);
    }
    series.push({ labels, samples });
  };
  for (const job of ["api", "web"]) {
    for (const instance of ["a", "b", "c"]) {
      for (const code of ["200", "500"]) {
        let total = 10_000 + random.below(1000) * 8;
        const resetAt = 150 + random.below(400);
        add(
          { __name__: "requests_total", job, instance, code },
          (index) => {
            total = index === resetAt ? random.below(5) : total + random.below(40);
            return total;
          },
          { skip: (_t, index) => index > 40 && index < 60 && instance === "b" },
        );
      }
      add({ __name__: "memory_bytes", job, instance }, () => 1_048_576 * (1 + random.below(64)));
      add(
        { __name__: "temperature", job, instance, zone: instance === "a" ? "x" : "y" },
        () => random.below(400) / 8 - 20,
        {
          gapMs: 30_000,
        },
      );
      add({ __name__: "build", job, instance, version: `v${1 + random.below(3)}` }, () => 1, {
        gapMs: 60_000,
      });
    }
    const bounds = ["0.1", "0.5", "1", "2.5", "+Inf"];
    const counts = bounds.map(() => 20_000);
    const rows = bounds.map(() => []);
    for (let t = START_MS + 1003; t < END_MS; t += 15_000) {
      const observed = bounds.map(() => random.below(8));
      let below = 0;
      bounds.forEach((_, i) => {
        below += observed[i];
        counts[i] += below;
        rows[i].push([t, counts[i]]);
      });
    }
    bounds.forEach((le, i) => {
      series.push({ labels: { __name__: "latency_seconds_bucket", job, le }, samples: rows[i] });
    });
  }
  add({ __name__: "flapping", job: "api" }, (index) => (index % 7 === 6 ? STALE : random.below(10)), {
    gapMs: 20_000,
  });
  add({ __name__: "flapping", job: "web" }, (index) => (index % 11 > 8 ? STALE : -random.below(10)), {
    gapMs: 45_000,
  });
  add({ __name__: "ended", job: "api" }, (index) => index, { to: START_MS + 3_600_000 });
  add({ __name__: "ended", job: "web" }, (index) => 2 * index, { from: START_MS + 5_400_000 });
  add({ __name__: "odd", kind: "nan" }, (index) => (index % 5 === 0 ? Number.NaN : random.below(6)), {
    gapMs: 30_000,
  });
  add(
    { __name__: "odd", kind: "inf" },
    (index) => (index % 9 === 0 ? Number.POSITIVE_INFINITY : random.below(6)),
    {
      gapMs: 30_000,
    },
  );
  add({ __name__: "odd", kind: "zero" }, () => 0, { gapMs: 30_000 });
  add({ __name__: "sparse", job: "api" }, () => random.below(100), { gapMs: 240_000 });
  return series;
}
