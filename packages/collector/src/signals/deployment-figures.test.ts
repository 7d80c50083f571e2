import { MemoryJournal } from "@tocsin/alerts";
import { ManualClock } from "@tocsin/model/testing";
import { expect, test } from "vitest";
import { tracesBody } from "../../test/otlp-data.js";
import { decodeTraces } from "../otlp/index.js";
import { DeploymentMarks } from "./deployment-marks.js";
import { Signals } from "./signals.js";

const NOW = Date.parse("2026-11-20T15:00:00Z");
const MINUTE = 60_000;

/** A minute of 60 requests, of which every `failing`-th fails. */
function minute(signals: Signals, startMs: number, resource: Record<string, string>, failing = 0): void {
  const spans = Array.from({ length: 60 }, (_, index) => ({
    endMs: startMs + index * 1_000 + 500,
    durationMs: 50,
    isError: failing > 0 && index % failing === 0,
    attributes: { "http.request.method": "POST", "http.route": "/pay" },
  }));
  signals.observeTraces(
    decodeTraces(tracesBody({ "service.name": "checkout", ...resource }, spans)),
    startMs + MINUTE,
  );
}

/** Ten minutes of the old release, then two of the new one, which fails every second time. */
function deployed(before: Record<string, string>, after: Record<string, string>): Signals {
  const signals = new Signals();
  for (let ago = 10; ago > 0; ago--) minute(signals, NOW - ago * MINUTE, before);
  for (let since = 0; since < 2; since++) minute(signals, NOW + since * MINUTE, after, 2);
  return signals;
}

function restarted(signals: Signals): Signals {
  const after = new Signals();
  after.restore(signals.snapshot());
  return after;
}

const WANT = {
  before: { requests: 600, errors: 0, errorRatio: 0 },
  after: { requests: 120, errors: 60, errorRatio: 0.5 },
  verdict: "worse",
};
const VERSIONS = [{ "service.version": "1" }, { "service.version": "2" }] as const;

test.each([
  ["version", ...VERSIONS],
  [
    "image",
    { "service.version": "1", "container.image.tags": "a" },
    { "service.version": "1", "container.image.tags": "b" },
  ],
  [
    "revision",
    { "service.version": "1", "vcs.ref.head.revision": "aaaaaaa" },
    { "service.version": "1", "vcs.ref.head.revision": "bbbbbbb" },
  ],
  [
    "rollout",
    { "service.version": "1", "k8s.pod.label.pod-template-hash": "5d8f" },
    { "service.version": "1", "k8s.pod.label.pod-template-hash": "77aa" },
  ],
])("another %s is a deployment, with figures and how many requests they are of", (part, before, after) => {
  const [found, ...more] = deployed(before, after).deployments(NOW + 2 * MINUTE);
  expect(more).toEqual([]);
  expect(found).toMatchObject({ changed: [part], ...WANT });
  expect(found?.after?.latencySeconds.p95).toBeCloseTo(0.05, 2);
});

test("figures are the same after a restart, and go on from there", () => {
  const before = deployed(...VERSIONS);
  const after = restarted(before);
  expect(after.deployments(NOW + 2 * MINUTE)).toEqual(before.deployments(NOW + 2 * MINUTE));
  minute(after, NOW + 2 * MINUTE, VERSIONS[1]);
  expect(after.deployments(NOW + 3 * MINUTE)[0]).toMatchObject({ after: { requests: 180, errors: 60 } });
});

test("figures are of one hour, and stay for good", () => {
  let signals = deployed(...VERSIONS);
  for (let since = 2; since < 180; since++) minute(signals, NOW + since * MINUTE, VERSIONS[1]);
  const day = NOW + 24 * 60 * MINUTE;
  minute(signals, day, VERSIONS[1]);
  for (let round = 0; round < 2; round++) {
    expect(signals.deployments(day + MINUTE)[0]).toMatchObject({
      before: { requests: 600, errors: 0 },
      after: { requests: 3_600, errors: 60, trafficPerSecond: 1 },
      verdict: "worse",
    });
    signals = restarted(signals);
  }
});

test("a deployment right after a restart is compared with what was before the restart", () => {
  const signals = new Signals();
  for (let ago = 10; ago > 0; ago--) minute(signals, NOW - ago * MINUTE, VERSIONS[0]);
  const after = restarted(signals);
  for (let since = 0; since < 2; since++) minute(after, NOW + since * MINUTE, VERSIONS[1], 2);
  expect(after.deployments(NOW + 2 * MINUTE)[0]).toMatchObject(WANT);
});

test("requests that come late count where they belong", () => {
  const signals = deployed(...VERSIONS);
  minute(signals, NOW - 5 * MINUTE, VERSIONS[0], 1);
  minute(signals, NOW - 30 * MINUTE, VERSIONS[0], 1);
  expect(signals.deployments(NOW + 2 * MINUTE)[0]).toMatchObject({ before: { requests: 660, errors: 60 } });
});

test("a mark is in the journal before it is answered, and is not made twice by a restart", async () => {
  const clock = new ManualClock(NOW);
  const journal = new MemoryJournal();
  const mark = { service: "checkout", environment: "", version: "2", atMs: NOW, by: "ci" };
  const signals = new Signals();
  for (let ago = 10; ago > 0; ago--) minute(signals, NOW - ago * MINUTE, VERSIONS[0]);
  const snapshot = signals.snapshot();
  const marks = await DeploymentMarks.open({ signals, journal, clock });
  await marks.add(mark);
  minute(signals, NOW, VERSIONS[1], 2);
  const [before] = signals.deployments(NOW + MINUTE);
  expect(before).toMatchObject({
    by: "ci",
    previousVersion: "1",
    before: { requests: 600 },
    after: { requests: 60 },
  });
  expect(journal.records).toEqual([{ kind: "deployment.marked", atMs: NOW, mark }]);

  for (const bytes of [snapshot, signals.snapshot()]) {
    const after = new Signals();
    after.restore(bytes);
    await DeploymentMarks.open({ signals: after, journal, clock });
    if (bytes === snapshot) minute(after, NOW, VERSIONS[1], 2);
    expect(after.deployments(NOW + MINUTE)).toEqual([before]);
  }
});
