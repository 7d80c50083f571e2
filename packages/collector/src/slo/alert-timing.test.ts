import { describe, expect, test } from "vitest";
import { metricsBody } from "../../test/otlp-data.js";
import { decodeMetrics } from "../otlp/index.js";
import { Signals } from "../signals/signals.js";
import { SloAlertSource } from "./alert-source.js";
import { compileSlo } from "./compile.js";
import { SloConfig } from "./config.js";
import { errorBudgetOf } from "./spec.js";
import { readPair } from "./status.js";
import { SloTracker } from "./tracker.js";
import type { WindowPair } from "./window-pair.js";

/** A second that no bucket of any level begins at. */
const START = Date.parse("2026-11-20T14:03:37Z") / 1_000;
const PER_SECOND = 1_000;

function trackerOf(evidenceGate: boolean): SloTracker {
  const config = {
    name: "slo",
    service: "checkout",
    objective: "99.9%",
    sli: { type: "availability" },
    alerting: { evidence_gate: evidenceGate },
  };
  return new SloTracker([compileSlo(SloConfig.parse(config))]);
}

/** A second of requests, or an export of several whose requests are spread over them. */
function feed(tracker: SloTracker, second: number, errorRatio: number, seconds = 1): void {
  const bad = Math.round(PER_SECOND * errorRatio) * seconds;
  for (const isError of [false, true]) {
    const count = isError ? bad : PER_SECOND * seconds - bad;
    if (count === 0) continue;
    tracker.onRequests({
      service: "checkout",
      version: "",
      environment: "",
      route: "",
      fromSecond: second,
      toSecond: second + seconds - 1,
      count,
      isError,
      errorType: "",
      kind: "server",
      attribute: () => "",
      countSlowerThan: () => 0,
    });
  }
}

interface Times {
  readonly firesAfter: number;
  readonly endsAfter: number;
}

/** Far from where something is to happen a look a minute will do: what does not fire then has not fired before, nor stopped. */
function isLookedAt(seconds: number, expected: number | undefined): boolean {
  return seconds % 60 === 0 || (expected !== undefined && Math.abs(seconds - expected) < 120);
}

/** Seconds from the first bad one until the pair fires, and from the last bad one until it stops. */
function timesOf(
  pairIndex: number,
  errorRatio: number,
  evidenceGate: boolean,
  limitSeconds: number,
  want: Times | undefined,
) {
  const tracker = trackerOf(evidenceGate);
  const { book, spec } = tracker.find("slo")!;
  const pair = spec.pairs[pairIndex]!;
  const isFiring = (second: number) =>
    readPair(book, pair, errorBudgetOf(spec), evidenceGate, second * 1_000).state === "firing";
  // A healthy past as long as the long window, so that it is full.
  for (let second = START - pair.longMs / 1_000; second < START; second += 60) feed(tracker, second, 0, 60);
  let second = START;
  let firesAfter: number | undefined;
  for (; second < START + limitSeconds; second++) {
    feed(tracker, second, errorRatio);
    if (!isLookedAt(second + 1 - START, want?.firesAfter) || !isFiring(second + 1)) continue;
    firesAfter = second + 1 - START;
    break;
  }
  if (firesAfter === undefined) return { firesAfter, endsAfter: undefined };
  const end = second + 1;
  for (second = end; second < end + pair.shortMs / 1_000 + 10; second++) {
    feed(tracker, second, 0);
    if (!isLookedAt(second + 1 - end, want?.endsAfter) || isFiring(second + 1)) continue;
    return { firesAfter, endsAfter: second + 1 - end };
  }
  return { firesAfter, endsAfter: undefined };
}

/** t = B · (1 − objective) · L / e, for error ratios over the limit. */
function closedForm({ burnRate, longMs, shortMs }: WindowPair, errorRatio: number): Times | undefined {
  const limit = burnRate * 0.001;
  if (errorRatio <= limit) return undefined;
  return {
    firesAfter: (limit * longMs) / 1_000 / errorRatio,
    endsAfter: (shortMs / 1_000) * (1 - limit / errorRatio),
  };
}

const PAIRS = trackerOf(true).find("slo")!.spec.pairs;
const RATIOS = [1, 0.15, 0.02, 0.01, 0.005];
const CASES = PAIRS.flatMap((pair, pairIndex) =>
  RATIOS.map((errorRatio) => ({ pairIndex, errorRatio, longWindow: pair.longMs / 3_600_000 })),
);

test("the closed forms are those of the four pairs at 99.9 % over 30 days", () => {
  const shown = (pairIndex: number, errorRatio: number) => {
    const times = closedForm(PAIRS[pairIndex]!, errorRatio);
    return times && [times.firesAfter, times.endsAfter].map((seconds) => Number(seconds.toFixed(2)));
  };
  expect(shown(0, 1)).toEqual([51.84, 295.68]);
  expect(shown(0, 0.15)).toEqual([345.6, 271.2]);
  expect(shown(0, 0.02)).toEqual([2_592, 84]);
  expect(shown(0, 0.01)).toBeUndefined();
  expect(shown(1, 0.01)![0]).toBe(12_960);
});

describe.each([
  { gate: "off", evidenceGate: false, evaluations: 1 },
  { gate: "on", evidenceGate: true, evaluations: 2 },
])("with the evidence gate $gate", ({ evidenceGate, evaluations }) => {
  test.each(CASES)(
    "the $longWindow h pair at $errorRatio bad fires and ends when the formula says",
    ({ pairIndex, errorRatio }) => {
      const want = closedForm(PAIRS[pairIndex]!, errorRatio);
      // Where it never fires, it must not for as long as the long window takes to fill.
      const limit = want ? want.firesAfter + 60 : Math.min(PAIRS[pairIndex]!.longMs / 1_000, 20_000);
      const got = timesOf(pairIndex, errorRatio, evidenceGate, limit, want);
      if (!want) {
        expect(got.firesAfter).toBeUndefined();
        return;
      }
      expect(Math.abs(got.firesAfter! - want.firesAfter)).toBeLessThanOrEqual(evaluations);
      expect(Math.abs(got.endsAfter! - want.endsAfter)).toBeLessThanOrEqual(evaluations);
    },
  );
});

test("the whole way, from OTLP bytes to the alert: an outage pages after 51.84 s and is over 295.68 s after its end", async () => {
  const tracker = trackerOf(true);
  const signals = new Signals({ sinks: [tracker] });
  const source = new SloAlertSource(tracker);
  const send = (second: number, isBad: boolean, seconds = 1) => {
    const point = {
      attributes: { "http.request.method": "GET", "http.response.status_code": isBad ? 503 : 200 },
      startMs: second * 1_000,
      timeMs: (second + seconds) * 1_000,
      bucketCounts: [PER_SECOND * seconds, 0],
      bounds: [1],
    };
    const metric = {
      name: "http.server.request.duration",
      unit: "s",
      kind: "histogram",
      temporality: "delta",
      points: [point],
    } as const;
    const body = metricsBody({ "service.name": "checkout", "service.instance.id": "1" }, [metric]);
    signals.observeMetrics(decodeMetrics(body), (second + seconds) * 1_000);
  };
  const pages = async (second: number) => {
    const results = await source.evaluate(second * 1_000);
    const page = results.find(({ rule }) => rule.id === "slo/page")!;
    return page.outcome.kind === "samples" && page.outcome.samples.length > 0;
  };
  // Six hours before, a minute per export, whose requests are spread over its seconds.
  for (let second = START - 21_600; second < START; second += 60) send(second, false, 60);
  let second = START;
  while (!(await pages(second)) && second < START + 70) send(second++, true);
  expect(second - START).toBe(52);
  const end = second;
  while ((await pages(second)) && second < end + 2_000) send(second++, false);
  // The other page pair, 30m/6h, would have begun after 129.6 s only: this end is the 5 min window's.
  expect(second - end).toBe(296);
});
