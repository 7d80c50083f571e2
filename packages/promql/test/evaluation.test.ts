import { describe, expect, test } from "vitest";
import { Engine, STALE_MARKER } from "../src/index.js";
import { ask, askRange, histogram, loaded, MINUTE, rising } from "./loaded.js";

const requests = loaded({
  'requests_total{job="api",code="200"}': rising(0, 60, 20),
  'requests_total{job="api",code="500"}': rising(0, 6, 20),
  'requests_total{job="web",code="200"}': rising(0, 120, 20),
  'target_info{job="api",instance="a",version="1.2"}': Array(20).fill(1),
  'up{job="api",instance="a"}': Array(20).fill(1),
  'limit{job="api"}': Array(20).fill(10),
  'gauge{x="a"}': [3, 1, 2, 5, 4, Number.NaN, 7],
});

describe("selectors", () => {
  const storage = loaded({ a: [1, 2, STALE_MARKER, 4], b: [1], 'c{x="1"}': [1], 'c{x="2"}': [2] });
  test.each([
    ["the newest sample counts", "a", MINUTE + 30_000, { "a{}": 2 }],
    ["a staleness marker ends a series at once", "a", 2 * MINUTE, {}],
    ["it goes on after the marker", "a", 3 * MINUTE, { "a{}": 4 }],
    ["five minutes are looked back, the fifth excluded", "b", 5 * MINUTE, {}],
    ["just under five minutes are in reach", "b", 5 * MINUTE - 1, { "b{}": 1 }],
    ["offset looks at the past", "a offset 2m", 3 * MINUTE, { "a{}": 2 }],
    ["negative offset looks ahead", "a offset -1m", 0, { "a{}": 2 }],
    ["@ fixes the time", "a @ 60", 30 * MINUTE, { "a{}": 2 }],
    ["@ comes before offset, however written", "a offset 1m @ 60", 30 * MINUTE, { "a{}": 1 }],
    ["regexes match whole values", 'c{x=~"1|3"}', 0, { "c{x=1}": 1 }],
    ["names may be matched", '{__name__=~"b|c"}', 0, { "b{}": 1, "c{x=1}": 1, "c{x=2}": 2 }],
    ["ranges are open to the left", "count_over_time(a[1m])", 3 * MINUTE, { "{}": 1 }],
    ["a range selector gives its samples", "a[90s]", MINUTE, { "a{}": "1 2" }],
  ])("%s: %s", async (_name, query, atMs, want) => {
    expect(await ask(storage, query, atMs)).toEqual(want);
  });
});

describe("rates", () => {
  const storage = loaded({
    x_total: [0, 60, 120, 0, 60, 120],
    late_total: [undefined, undefined, undefined, 5, 6, 7],
    falling: [10, 8, 6, 4, 2, 0],
  });
  test.each([
    ["rate is per second and extrapolated", "rate(x_total[2m])", 2 * MINUTE, { "{}": 1 }],
    ["a reset loses nothing", "increase(x_total[5m])", 5 * MINUTE, { "{}": 225 }],
    ["irate takes the last two", "irate(x_total[5m])", 5 * MINUTE, { "{}": 1 }],
    ["after a reset irate counts from zero", "irate(x_total[5m])", 3 * MINUTE, { "{}": 0 }],
    ["one sample gives no rate", "rate(late_total[1m])", 3 * MINUTE, {}],
    ["a new counter is not extrapolated below zero", "increase(late_total[10m])", 5 * MINUTE, { "{}": 2.5 }],
    ["delta of a gauge", "delta(falling[5m])", 5 * MINUTE, { "{}": -10 }],
    ["idelta of a gauge", "idelta(falling[5m])", 5 * MINUTE, { "{}": -2 }],
    ["slope", "deriv(falling[5m])", 5 * MINUTE, { "{}": -0.0333333333 }],
    ["prediction", "predict_linear(falling[5m], 60)", 5 * MINUTE, { "{}": -2 }],
    ["resets", "resets(x_total[6m])", 5 * MINUTE, { "{}": 1 }],
    ["changes", "changes(x_total[6m])", 5 * MINUTE, { "{}": 5 }],
    ["anchored takes the sample before", "increase(x_total[1m] anchored)", 90_000, { "{}": 60 }],
    ["smoothed interpolates both ends", "increase(x_total[1m] smoothed)", 90_000, { "{}": 60 }],
    ["smoothed across a reset", "increase(x_total[2m] smoothed)", 3.5 * MINUTE, { "{}": 60 }],
  ])("%s: %s", async (_name, query, atMs, want) => {
    expect(await ask(storage, query, atMs)).toEqual(want);
  });
});

describe("functions over time", () => {
  test.each([
    ["sum_over_time(gauge[3m])", 2 * MINUTE, 6],
    ["avg_over_time(gauge[3m])", 2 * MINUTE, 2],
    ["min_over_time(gauge[7m])", 6 * MINUTE, 1],
    ["max_over_time(gauge[7m])", 6 * MINUTE, 7],
    ["count_over_time(gauge[7m])", 6 * MINUTE, 7],
    ["quantile_over_time(0.5, gauge[3m])", 2 * MINUTE, 2],
    ["stddev_over_time(gauge[3m])", 2 * MINUTE, 0.816496581],
    ["stdvar_over_time(gauge[3m])", 2 * MINUTE, 0.666666667],
    ["mad_over_time(gauge[3m])", 2 * MINUTE, 1],
    ["last_over_time(gauge[3m])", 2 * MINUTE, 2],
    ["first_over_time(gauge[3m])", 2 * MINUTE, 3],
    ["present_over_time(gauge[3m])", 2 * MINUTE, 1],
    ["ts_of_max_over_time(gauge[5m])", 4 * MINUTE, 180],
    ["ts_of_min_over_time(gauge[5m])", 4 * MINUTE, 60],
    ["ts_of_first_over_time(gauge[5m])", 4 * MINUTE, 0],
    ["ts_of_last_over_time(gauge[5m])", 4 * MINUTE, 240],
    ["double_exponential_smoothing(gauge[5m], 0.5, 0.5)", 4 * MINUTE, 3.15625],
  ])("%s", async (query, atMs, want) => {
    expect(Object.values(await ask(requests, query, atMs))).toEqual([want]);
  });
});

describe("aggregations", () => {
  const at = 10 * MINUTE;
  test.each([
    ["sum(requests_total)", { "{}": 1860 }],
    ["sum by (job) (requests_total)", { "{job=api}": 660, "{job=web}": 1200 }],
    ["sum without (code) (requests_total)", { "{job=api}": 660, "{job=web}": 1200 }],
    ["avg by (job) (requests_total)", { "{job=api}": 330, "{job=web}": 1200 }],
    ["min(requests_total)", { "{}": 60 }],
    ["max(requests_total)", { "{}": 1200 }],
    ["count(requests_total)", { "{}": 3 }],
    ["group by (code) (requests_total)", { "{code=200}": 1, "{code=500}": 1 }],
    ["stddev(requests_total)", { "{}": 465.617869 }],
    ["stdvar(requests_total)", { "{}": 216800 }],
    ["quantile(0.5, requests_total)", { "{}": 600 }],
    ["topk(1, requests_total)", { "requests_total{code=200,job=web}": 1200 }],
    ["bottomk(1, requests_total)", { "requests_total{code=500,job=api}": 60 }],
    [
      "topk by (job) (1, requests_total)",
      { "requests_total{code=200,job=api}": 600, "requests_total{code=200,job=web}": 1200 },
    ],
    ['count_values("value", requests_total > bool 100)', { "{value=0}": 1, "{value=1}": 2 }],
    ["count(limitk(2, requests_total))", { "{}": 2 }],
    ["count(limit_ratio(0.4, requests_total) or limit_ratio(-0.6, requests_total))", { "{}": 3 }],
    ["sum(absent_metric)", {}],
  ])("%s", async (query, want) => {
    expect(await ask(requests, query, at)).toEqual(want);
  });
});

describe("binary operators", () => {
  const at = 10 * MINUTE;
  test.each([
    ["1 + 2 * 3 ^ 2", { scalar: 19 }],
    ["-2 ^ 2", { scalar: -4 }],
    ["2 ^ 3 ^ 2", { scalar: 512 }],
    ["5 % 3 atan2 1", { scalar: Number(Math.atan2(2, 1).toPrecision(9)) }],
    ["1 < bool 2", { scalar: 1 }],
    ["limit * 2", { "{job=api}": 20 }],
    ["20 - limit", { "{job=api}": 10 }],
    [
      "requests_total > 100",
      { "requests_total{code=200,job=api}": 600, "requests_total{code=200,job=web}": 1200 },
    ],
    ["100 < bool requests_total{code='500'}", { "{code=500,job=api}": 0 }],
    ["requests_total / on (job) group_left () limit", { "{code=200,job=api}": 60, "{code=500,job=api}": 6 }],
    ["limit * on (job) group_right () requests_total{code='200'}", { "{code=200,job=api}": 6000 }],
    ["up * on (job, instance) group_left (version) target_info", { "{instance=a,job=api,version=1.2}": 1 }],
    ["requests_total{code='500'} / ignoring (code) requests_total{code='200'}", { "{job=api}": 0.1 }],
    ["sum by (job) (requests_total) + fill (0) limit", { "{job=api}": 670, "{job=web}": 1200 }],
    [
      "requests_total and on (job) limit",
      { "requests_total{code=200,job=api}": 600, "requests_total{code=500,job=api}": 60 },
    ],
    ["requests_total unless on (job) limit", { "requests_total{code=200,job=web}": 1200 }],
    ["limit or up", { "limit{job=api}": 10, "up{instance=a,job=api}": 1 }],
  ])("%s", async (query, want) => {
    expect(await ask(requests, query, at)).toEqual(want);
  });

  test.each([
    [
      "limit * on (job) requests_total{job='api'}",
      'found duplicate series for the match group {job="api"} on the right hand-side of the operation: [requests_total{code="500", job="api"}, requests_total{code="200", job="api"}];many-to-many matching not allowed: matching labels must be unique on one side',
    ],
    [
      "requests_total{job='api'} * on (job) limit",
      "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
    ],
    ['label_replace(requests_total, "code", "x", "", "")', undefined],
    [
      'label_replace(requests_total{job="api"}, "code", "x", "", "")',
      "vector cannot contain metrics with the same labelset",
    ],
  ])("%s fails: %s", async (query, message) => {
    const answer = ask(requests, query, at);
    if (message === undefined) await expect(answer).rejects.toMatchObject({ kind: "eval" });
    else await expect(answer).rejects.toMatchObject({ kind: "eval", message });
  });
});

describe("subqueries and durations", () => {
  test.each([
    ["max_over_time(rate(requests_total{job='web'}[2m])[5m:1m])", 10 * MINUTE, { "{code=200,job=web}": 2 }],
    ["count_over_time(limit[5m:30s])", 10 * MINUTE, { "{job=api}": 10 }],
    ["count_over_time(limit[5m:])", 10 * MINUTE, { "{job=api}": 5 }],
    ["sum_over_time(limit[2m * 2 + 1m:1m])", 10 * MINUTE, { "{job=api}": 50 }],
    ["sum_over_time(vector(time())[1m:20s] @ 120)", 0, { "{}": 300 }],
  ])("%s", async (query, atMs, want) => {
    expect(await ask(requests, query, atMs)).toEqual(want);
  });

  test("step() and range() mean those of the query", async () => {
    const query = "count_over_time(limit[step()]) + range()";
    expect(await askRange(requests, query, 5 * MINUTE, 10 * MINUTE, 5 * MINUTE)).toEqual({
      "{job=api}": [305, 305],
    });
  });
});

describe("other functions", () => {
  test.each([
    ["abs(-limit)", { "{job=api}": 10 }],
    ["clamp(limit, 0, 5)", { "{job=api}": 5 }],
    ["round(limit / 3, 0.5)", { "{job=api}": 3.5 }],
    ["sgn(limit)", { "{job=api}": 1 }],
    ["time()", { scalar: 600 }],
    ["minute() + hour()", { "{}": 10 }],
    ["year(vector(86400 * 366))", { "{}": 1971 }],
    ["days_in_month(vector(2678400))", { "{}": 28 }],
    ["timestamp(limit offset 1m)", { "{job=api}": 540 }],
    ["scalar(limit)", { scalar: 10 }],
    ["scalar(requests_total)", { scalar: Number.NaN }],
    ['absent(nothing{job="x",code=~"y"})', { "{job=x}": 1 }],
    ["absent(limit)", {}],
    ["absent_over_time(nothing[5m])", { "{}": 1 }],
    ['label_replace(limit, "team", "t-$1", "job", "(a.).*")', { "limit{job=api,team=t-ap}": 10 }],
    ['label_join(up, "both", "/", "job", "instance")', { "up{both=api/a,instance=a,job=api}": 1 }],
    ["info(up)", { "up{instance=a,job=api,version=1.2}": 1 }],
    ['info(up, {version=~"9.*"})', {}],
    ["pi() > bool 3", { scalar: 1 }],
    ["max_of(1, min_of(5, 3)) + min_of (time(), scalar(limit))", { scalar: 13 }],
    ["max_of(Inf, NaN)", { scalar: Number.POSITIVE_INFINITY }],
    ["sum_over_time(limit[max_of(1m, 2m)] offset min_of(1m, 5)) * max_of(1, 2)", { "{job=api}": 40 }],
    ['"text"', { string: "text" }],
  ])("%s", async (query, want) => {
    expect(await ask(requests, query, 10 * MINUTE)).toEqual(want);
  });

  test("sort orders instant vectors and is told to be useless in range queries", async () => {
    expect(Object.values(await ask(requests, "sort_desc(requests_total)", 10 * MINUTE))).toEqual([
      1200, 600, 60,
    ]);
    const result = await new Engine().rangeQuery(requests, "sort(limit)", 0, MINUTE, MINUTE);
    expect(result.annotations.warnings).toEqual([
      "PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:1)",
    ]);
  });
});

describe("histograms", () => {
  const storage = loaded({
    'lat_bucket{le="1"}': [10],
    'lat_bucket{le="2"}': [30],
    'lat_bucket{le="+Inf"}': [40],
    native: [
      histogram({ count: 4, sum: 5, positive: { offset: 0, buckets: [1, 2, 1] } }),
      histogram({ count: 8, sum: 10, positive: { offset: 0, buckets: [2, 4, 2] } }),
    ],
    custom: [
      histogram({
        schema: -53,
        count: 4,
        sum: 5,
        customValues: [5, 10],
        positive: { offset: 0, buckets: [1, 2, 1] },
      }),
    ],
    'mixed{type="f"}': [1],
    'mixed{type="h"}': [histogram({ count: 1, sum: 1, positive: { offset: 0, buckets: [1] } })],
  });
  test.each([
    ["histogram_quantile(0.5, lat_bucket)", 0, { "{}": 1.5 }],
    ["histogram_quantile(0.99, lat_bucket)", 0, { "{}": 2 }],
    ["histogram_fraction(0, 1, lat_bucket)", 0, { "{}": 0.25 }],
    ["histogram_quantile(0.5, native) ^ 2", 0, { "{}": 2 }],
    ['histogram_quantiles(native, "q", 0.5, 1) ^ 2', 0, { "{q=0.5}": 2, "{q=1.0}": 16 }],
    ["histogram_fraction(1, 2, native)", 0, { "{}": 0.5 }],
    ["histogram_count(increase(native[2m]))", MINUTE, { "{}": 8 }],
    ["histogram_avg(native)", 0, { "{}": 1.25 }],
    ["histogram_quantile(0.5, custom)", 0, { "{}": 7.5 }],
    ["sum(native)", 0, { "{}": "count 4 sum 5" }],
    ["native * 2", 0, { "{}": "count 8 sum 10" }],
    ["native + native", 0, { "{}": "count 8 sum 10" }],
    ["histogram_count(native </ 1)", 0, { "{}": 1 }],
    ["native == native", 0, { "native{}": "count 4 sum 5" }],
    ["count(mixed)", 0, { "{}": 2 }],
    ["sum(mixed)", 0, {}],
  ])("%s", async (query, atMs, want) => {
    expect(await ask(storage, query, atMs)).toEqual(want);
  });

  test.each([
    [
      "sum(mixed)",
      "warnings",
      "PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)",
    ],
    ["max(mixed)", "infos", "PromQL info: ignored histogram in max aggregation (1:5)"],
    [
      "native > 1",
      "infos",
      'PromQL info: incompatible sample types encountered for binary operator ">": histogram > float (1:1)',
    ],
    [
      "histogram_quantile(2, native)",
      "warnings",
      "PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)",
    ],
    [
      "native + on () custom",
      "warnings",
      "PromQL warning: incompatible bucket layout encountered for binary operator + (1:1)",
    ],
    [
      "rate(lat_bucket[5m]) or rate(mixed[5m])",
      "infos",
      'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "mixed" (1:30)',
    ],
  ] as const)("%s is annotated", async (query, kind, want) => {
    const twice = loaded({
      lat_bucket: [1, 2],
      'mixed{type="f"}': [1, 2],
      'mixed{type="h"}': [histogram({ count: 1 }), histogram({ count: 1 })],
      native: [histogram({ count: 1 }), histogram({ count: 1 })],
      custom: [histogram({ schema: -53, customValues: [1] }), histogram({ schema: -53, customValues: [1] })],
    });
    const result = await new Engine({ features: ["all"] }).instantQuery(twice, query, MINUTE);
    expect(result.annotations[kind]).toContain(want);
  });
});

describe("metric names", () => {
  const storage = loaded({ a_total: rising(0, 60, 5), b_total: rising(0, 120, 5) });
  const query = 'label_replace(rate({__name__=~".+"}[2m]), "__name__", "r_$1", "__name__", "(.*)")';
  test("go at once by default, so that two metrics become one and collide", async () => {
    await expect(ask(storage, 'rate({__name__=~".+"}[2m])', 2 * MINUTE, {})).rejects.toMatchObject({
      message: "vector cannot contain metrics with the same labelset",
    });
  });
  test("can be used until the end with delayed removal", async () => {
    const options = { features: ["promql-delayed-name-removal"] } as const;
    expect(await ask(storage, query, 2 * MINUTE, options)).toEqual({ "r_a_total{}": 1, "r_b_total{}": 2 });
  });
});

test("a series may change sides from step to step", async () => {
  const storage = loaded({ a: [1, undefined, 3], 'b{x="1"}': [10, 20, 30] });
  const short = { features: ["all" as const], lookbackDeltaMs: 30_000 };
  expect(await askRange(storage, "a or on () b", 0, 2 * MINUTE, MINUTE, short)).toEqual({
    "a{}": [1, "_", 3],
    "b{x=1}": ["_", 20, "_"],
  });
});
