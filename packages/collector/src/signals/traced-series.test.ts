import { ManualClock } from "@tocsin/model/testing";
import { describe, expect, test } from "vitest";
import { durationsOf, feedMetrics, feedSpans, processOf, START } from "../../test/signal-feeds.js";
import { Head } from "../head/index.js";
import { queryableOver } from "../parts/memory.js";
import { signalSeries } from "./series.js";
import { Signals } from "./signals.js";

const NAME = "http_server_request_duration_seconds";

/** Ten requests in each second of a stretch: 8 fast, one slow, one failing. */
function tenASecond(from: number, to: number) {
  return Array.from({ length: (to - from) * 10 }, (_, index) => ({
    endMs: START + from * 1_000 + index * 100,
    durationMs: index % 10 === 8 ? 400 : 20,
    attributes: {
      "http.request.method": "POST",
      "http.route": "/pay",
      "http.response.status_code": index % 10 === 9 ? 500 : 200,
    },
  }));
}

function newHead(clock: ManualClock): Head {
  return new Head({ retentionMs: 3_600_000, outOfOrderMs: 0, maxSeries: 10_000, maxLabels: 50 }, { clock });
}

/** Publishes every ten seconds, as the collector does, and answers PromQL over it. */
function setUp(options: { classicHistograms?: boolean } = {}) {
  const clock = new ManualClock(START);
  const head = newHead(clock);
  const queryable = queryableOver(head, clock);
  return {
    clock,
    head,
    publish: (signals: Signals) => head.appendSamples(signalSeries(signals, clock.now(), options)),
    /** Every sample of a vector by its value, in the order of the answer. */
    async query(query: string): Promise<number[]> {
      const result = await queryable.instantQuery(query, clock.now());
      if (result.resultType !== "vector") throw new Error(result.resultType);
      return result.samples.map(({ value }) => value!);
    },
    async minMax(query: string, fromMs = START): Promise<[number, number]> {
      const result = await queryable.rangeQuery(query, fromMs, clock.now(), 5_000);
      const values = result
        .toJSON()
        .result.flatMap((series) => series.values?.map(([, value]) => Number(value)) ?? []);
      return [Math.min(...values), Math.max(...values)];
    },
  };
}

describe("a service that only sends spans", () => {
  async function observed(options: { classicHistograms?: boolean } = {}) {
    const setup = setUp(options);
    const signals = new Signals();
    for (let at = 0; at < 120; at += 10) {
      await setup.clock.advance(10_000);
      feedSpans(signals, tenASecond(at, at + 10));
      setup.publish(signals);
    }
    return setup;
  }

  test("has the histogram that it would have if it measured, to the request", async () => {
    const { query } = await observed();
    const all = `${NAME}_count{job="checkout"}`;
    expect((await query(`sum(${all})`))[0]).toBe(1_200);
    expect((await query(`sum(${NAME}_count{http_response_status_code="500"})`))[0]).toBe(120);
    expect((await query(`sum(${NAME}_bucket{le="0.25"})`))[0]).toBe(1_080);
    expect((await query(`sum(${NAME}_sum)`))[0]).toBeCloseTo(120 * 0.4 + 1_080 * 0.02, 6);
    expect((await query(`sum(rate(${all}[1m]))`))[0]).toBeCloseTo(10, 6);
    const [p95] = await query(`histogram_quantile(0.95, sum by (le) (rate(${NAME}_bucket[1m])))`);
    expect(p95).toBeGreaterThan(0.25);
    expect(p95).toBeLessThanOrEqual(0.5);
  });

  test("its labels are those of semantic conventions", async () => {
    const { head } = await observed();
    const [series] = head.index.all().filter(({ labels }) => labels.__name__ === `${NAME}_count`);
    expect(series!.labels).toEqual({
      __name__: `${NAME}_count`,
      job: "checkout",
      service_version: "1.0.0",
      deployment_environment_name: "prod",
      http_request_method: "POST",
      http_route: "/pay",
      http_response_status_code: "200",
      otel_scope_name: "tocsin.spans",
    });
  });

  test("it is a native histogram where the sender's would be one", async () => {
    const { query } = await observed({ classicHistograms: false });
    expect((await query(`histogram_count(sum(${NAME}))`))[0]).toBe(1_200);
    expect((await query(`sum(rate(${NAME}_count[1m]))`)).length).toBe(0);
    const [p50] = await query(`histogram_quantile(0.5, sum(rate(${NAME}[1m])))`);
    expect(p50).toBeLessThanOrEqual(0.025);
  });
});

test("a service that measures has no second histogram, although it sends spans too", async () => {
  const { clock, query, publish } = setUp();
  const signals = new Signals({ sinceMs: START });
  for (let at = 0; at < 60; at += 10) {
    await clock.advance(10_000);
    feedMetrics(signals, [durationsOf([{ timeMs: clock.now(), count: (at + 10) * 10 }])]);
    feedSpans(signals, tenASecond(at, at + 10));
    publish(signals);
  }
  expect(await query(`${NAME}_count`)).toEqual([]);
  expect(await query("sum(tocsin_service_requests_total)")).toEqual([600]);
});

test("RPC servers and consumers have theirs; jobs have none", async () => {
  const { clock, query, publish } = setUp();
  const signals = new Signals();
  const at = { endMs: START + 1_000, durationMs: 30 };
  feedSpans(signals, [
    {
      ...at,
      attributes: {
        "rpc.system": "grpc",
        "rpc.service": "Pay",
        "rpc.method": "Do",
        "rpc.grpc.status_code": 14,
      },
    },
  ]);
  const message = { "messaging.system": "kafka", "messaging.destination.name": "orders" };
  feedSpans(signals, [{ ...at, kind: 5, attributes: message }], processOf("mailer"));
  feedSpans(signals, [{ ...at, kind: 1, name: "nightly" }], processOf("cron"));
  await clock.advance(10_000);
  publish(signals);
  expect(await query('rpc_server_call_duration_seconds_count{rpc_method="Pay/Do", error_type="14"}')).toEqual(
    [1],
  );
  expect(
    await query('messaging_process_duration_seconds_count{messaging_destination_name="orders"}'),
  ).toEqual([1]);
  expect((await query('{__name__=~".*_duration_seconds_count"}')).length).toBe(2);
});

describe("a restart of the collector", () => {
  /**
   * Ten requests a second; after 65 s the process dies, 5 s behind its last snapshot, comes back 30 s later, and reads
   * the spool from the snapshot's place on before it publishes.
   */
  async function restarted(head: "kept" | "lost") {
    const setup = setUp();
    let signals = new Signals();
    const chunks = Array.from({ length: 36 }, (_, index) => tenASecond(index * 5, index * 5 + 5));
    let snapshot: Uint8Array | undefined;
    for (const [index, chunk] of chunks.entries()) {
      await setup.clock.advance(5_000);
      if (index === 12) snapshot = signals.snapshot();
      // Nothing is received while it is away; senders keep what they have and send it then.
      if (index >= 13 && index < 19) continue;
      if (index === 19) {
        signals = new Signals();
        signals.restore(snapshot!);
        for (const missed of chunks.slice(12, 19)) feedSpans(signals, missed, undefined, setup.clock.now());
        if (head === "lost") setup.head.truncate(setup.clock.now() + 1);
      }
      feedSpans(signals, chunk, undefined, setup.clock.now());
      if (index % 2 === 1) setup.publish(signals);
    }
    return setup;
  }

  test.each(["kept", "lost"] as const)(
    "loses and doubles no count, and shows no false rate (head %s)",
    async (head) => {
      const { query, minMax } = await restarted(head);
      for (const counter of ["tocsin_service_requests_total", `${NAME}_count`]) {
        expect((await query(`sum(${counter})`))[0]).toBe(1_800);
        const [least, most] = await minMax(`sum(rate(${counter}[1m]))`);
        expect(least).toBeGreaterThanOrEqual(0);
        // What came late over the gap is spread over it: nowhere is there more than was sent, but for extrapolation.
        expect(most).toBeLessThan(12.5);
      }
      expect((await query("sum(resets(tocsin_service_requests_total[1h]))"))[0]).toBe(0);
    },
  );
});

test("a new version's counter begins at zero, so that a deployment is no dip", async () => {
  const { clock, minMax, publish, query } = setUp();
  const signals = new Signals();
  for (let at = 0; at < 180; at += 10) {
    await clock.advance(10_000);
    const version = at < 90 ? processOf("checkout", "1.0.0") : processOf("checkout", "2.0.0", "i-2");
    feedSpans(signals, tenASecond(at, at + 10), version);
    publish(signals);
    // Its first sample is known to be an increase.
    const increase = await query('increase(tocsin_service_requests_total{version="2.0.0"}[1m])');
    if (at === 90) expect(increase[0]).toBeGreaterThan(90);
  }
  const [least, most] = await minMax("sum(rate(tocsin_service_requests_total[1m]))", START + 70_000);
  expect(least).toBeGreaterThan(7.5);
  expect(most).toBeLessThan(12.5);
});
