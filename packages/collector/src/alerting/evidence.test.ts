import type { Alert, Evidence } from "@tocsin/alerts";
import { ManualClock } from "@tocsin/model/testing";
import { Engine, MemoryStorage } from "@tocsin/promql";
import { expect, test } from "vitest";
import { tracesBody } from "../../test/otlp-data.js";
import { decodeTraces } from "../otlp/index.js";
import { REQUEST_KEYS } from "../signals/request-attributes.js";
import { Signals } from "../signals/signals.js";
import { createEvidenceCollector, replayEvidence } from "./evidence.js";

/** No series at all. */
const NOTHING = {
  rangeQuery: (query: string, startMs: number, endMs: number, stepMs: number) =>
    new Engine().rangeQuery(new MemoryStorage(), query, startMs, endMs, stepMs),
};

const START = Date.parse("2026-11-20T14:00:00Z");

function signalsOfCart(): Signals {
  const signals = new Signals();
  const routes = ["/pay", "/pay", "/pay", "/cart"];
  for (const [version, fromMs] of [
    ["1.0.0", START],
    ["1.1.0", START + 60_000],
  ] as const) {
    const spans = Array.from({ length: 80 }, (_, index) => ({
      endMs: fromMs + index * 500,
      durationMs: 20,
      attributes: {
        "http.request.method": "GET",
        "http.route": routes[index % 4]!,
        "http.response.status_code": index % 2 === 0 && index % 4 !== 3 ? 500 : 200,
      },
    }));
    const body = tracesBody({ "service.name": "cart", "service.version": version }, spans);
    const columns = decodeTraces(body, { attributes: REQUEST_KEYS, events: false, links: false });
    signals.observeTraces(columns, fromMs + 40_000);
  }
  return signals;
}

test("deployments near, and the routes with the errors, are told of a service's alert", async () => {
  const clock = new ManualClock(START + 100_000);
  const collector = createEvidenceCollector({
    signals: signalsOfCart(),
    store: () => undefined,
    queryable: NOTHING,
    clock,
  });
  const alert = { rule: "A", labels: { service: "cart" }, activeAtMs: START + 90_000 };
  const { changes, where } = await collector.collect(alert, clock.now());
  expect(changes).toMatchObject([{ kind: "deploy", text: "cart 1.0.0 → 1.1.0" }]);
  expect(where![0]).toMatchObject({ by: "route", value: "GET /pay", share: 1 });
  expect(await collector.collect({ ...alert, labels: {} }, clock.now())).toEqual({});
  expect(await collector.collectLater!(alert, clock.now())).toEqual({});
});

test("failing traces are looked up for five seconds at most", async () => {
  const clock = new ManualClock(START);
  const asked: unknown[] = [];
  let wait = (_signal: AbortSignal): Promise<void> => Promise.resolve();
  const collector = createEvidenceCollector({
    signals: new Signals(),
    clock,
    queryable: NOTHING,
    store: () => ({
      latency: {
        async groups(_filter, by) {
          expect(by).toBe("error.type");
          const group = { spanCount: 3, errorCount: 3, latencySeconds: {} as never };
          return {
            groups: [
              { key: "TypeError", ...group },
              { key: "", ...group },
            ],
            isTruncated: false,
          };
        },
      },
      traces: {
        async search(filter, page) {
          asked.push(filter);
          await wait(page.signal!);
          return { traces: [{ traceId: "0af7" } as never], nextCursor: undefined };
        },
      },
    }),
  });
  const alert = { rule: "A", labels: { service: "cart", environment: "prod" }, activeAtMs: START - 60_000 };
  expect(await collector.collectLater!(alert, START)).toEqual({
    traceIds: ["0af7"],
    where: [{ by: "error", value: "TypeError", bad: 3, total: 3, share: 0.5 }],
  });
  expect(asked).toEqual([
    {
      service: "cart",
      status: "error",
      startMs: START - 960_000,
      endMs: START,
      attributes: [{ key: "deployment.environment.name", value: "prod" }],
    },
  ]);
  wait = (signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  const hanging = expect(collector.collectLater!(alert, START)).rejects.toThrow("aborted");
  await clock.advance(5_000);
  await hanging;
});

const evidence: Evidence = {
  atMs: START,
  condition: "up < 1",
  values: [{ name: "up < 1", labels: { job: "a" }, value: 0 }],
};
const windows: Evidence = {
  atMs: START,
  windows: [{ window: "5m", bad: 3, total: 9, errorRatio: 1 / 3, burnRate: 20, limit: 14.4 }],
};

test.each([
  ["the same value", evidence, [{ labels: { job: "a" }, value: 0 }], undefined, "same"],
  ["another value", evidence, [{ labels: { job: "a" }, value: 0.5 }], undefined, "different"],
  ["no such series", evidence, [{ labels: { job: "b" }, value: 0 }], undefined, "different"],
  ["nothing to compare with", { atMs: START }, [], undefined, "unknown"],
  ["the same counts", windows, [], { bad: 3, total: 9 }, "same"],
  ["other counts", windows, [], { bad: 4, total: 9 }, "different"],
  ["an SLO that is gone", windows, [], undefined, "unknown"],
])("a replay says of %s so", async (_, kept, samples, counts, want) => {
  const replay = await replayEvidence({} as Alert, kept, {
    query: async () => samples,
    sloWindow: () => counts,
  });
  expect(replay.result).toBe(want);
});
