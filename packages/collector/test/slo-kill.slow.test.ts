// SLO counts of the real collector, killed again and again, against what it acknowledged. Run with `npm run test:slow`.
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { metricsBody, type TestSpan, tracesBody } from "./otlp-data.js";
import { type CollectorProcess, startProcess } from "./process.js";

const CONFIG = `
store: none
slos:
  - { name: requests, service: checkout, objective: 99%, sli: { type: availability } }
  - { name: jobs, service: worker, objective: 99%, sli: { type: ratio, bad: jobs_failed_total, total: jobs_done_total, every: 1s } }
  - { name: looks, service: worker, objective: 99%, sli: { type: threshold, query: jobs_done_total, op: lt, value: 1000000, every: 1s } }
  - { name: fresh, service: nightly, objective: 99%, sli: { type: freshness, max_age: 1h, every: 1s } }
`;

interface SloJson {
  readonly bad: number;
  readonly total: number;
  readonly spentBy: readonly { readonly by: string; readonly value: string; readonly bad: number }[];
}

let dataDir = "";
let running: CollectorProcess | undefined;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "tocsin-slo-kill-"));
  await writeFile(join(dataDir, "tocsin.yaml"), CONFIG);
});

afterEach(async () => {
  await running?.stop("SIGKILL");
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<CollectorProcess> {
  running = await startProcess({ dataDir, args: ["--config", join(dataDir, "tocsin.yaml")] });
  return running;
}

async function post(collector: CollectorProcess, signal: "traces" | "metrics", body: Buffer): Promise<void> {
  const headers = { "content-type": "application/x-protobuf" };
  const url = `http://127.0.0.1:${collector.otlpHttpPort}/v1/${signal}`;
  const response = await fetch(url, { method: "POST", headers, body: new Uint8Array(body) });
  if (!response.ok) throw new Error(`${signal} answered ${response.status}: ${await response.text()}`);
}

async function sloOf(collector: CollectorProcess, name: string): Promise<SloJson> {
  return (await (await fetch(`${collector.url}/api/v1/slos/${name}`)).json()) as SloJson;
}

const BATCH = { bad: 3, total: 20 };

function batch(): Buffer {
  const spans = Array.from({ length: BATCH.total }, (_, index): TestSpan => {
    const status = index < BATCH.bad ? 503 : 200;
    const attributes = {
      "http.request.method": "POST",
      "http.route": "/pay",
      "http.response.status_code": status,
    };
    return { endMs: Date.now(), durationMs: 5, attributes };
  });
  return tracesBody({ "service.name": "checkout", "service.version": "1.42.0" }, spans);
}

/** The values that a worker's counters have now. */
function jobs(done: number, failed: number): Buffer {
  const metric = (name: string, value: number) => {
    const points = [{ timeMs: Date.now(), startMs: Date.now() - 3_600_000, value }];
    return { name, kind: "sum", temporality: "cumulative", isMonotonic: true, points } as const;
  };
  return metricsBody({ "service.name": "worker", "service.instance.id": "w-1" }, [
    metric("jobs.done", done),
    metric("jobs.failed", failed),
  ]);
}

const POLL = { timeout: 30_000, interval: 100 };

test("kill -9 while requests stream in: each that was acknowledged counts, and counts once", {
  timeout: 180_000,
}, async () => {
  let counted = { bad: 0, total: 0 };
  for (let round = 0; round < 6; round++) {
    const collector = await start();
    let acknowledged = 0;
    let sent = 0;
    // The kill comes after another number of requests in each round, while the next are on their way.
    const killAfter = 40 + round * 37;
    const send = async (): Promise<void> => {
      for (;;) {
        sent++;
        await post(collector, "traces", batch());
        acknowledged++;
        if (acknowledged === killAfter) collector.child.kill("SIGKILL");
      }
    };
    const ends = await Promise.allSettled([send(), send(), send()]);
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    await collector.stop("SIGKILL");

    const again = await start();
    const least = counted.total + acknowledged * BATCH.total;
    await expect.poll(async () => (await sloOf(again, "requests")).total, POLL).toBeGreaterThanOrEqual(least);
    const found = await sloOf(again, "requests");
    // Requests without an answer may have arrived, each as a whole.
    const batches = (found.total - counted.total) / BATCH.total;
    expect(batches).toBeGreaterThanOrEqual(acknowledged);
    expect(batches).toBeLessThanOrEqual(sent);
    expect(Number.isInteger(batches)).toBe(true);
    expect(found.bad).toBe(counted.bad + batches * BATCH.bad);
    expect(found.spentBy.map(({ by, value, bad }) => [by, value, bad])).toEqual([
      ["route", "POST /pay", found.bad],
      ["version", "1.42.0", found.bad],
      ["error", "503", found.bad],
    ]);
    counted = found;
    await again.stop(round % 2 === 0 ? "SIGKILL" : "SIGTERM");
  }
});

test("SLOs that are looked at go on over a kill, also when nothing was received since", {
  timeout: 180_000,
}, async () => {
  const first = await start();
  await post(
    first,
    "traces",
    tracesBody({ "service.name": "nightly" }, [{ endMs: Date.now(), durationMs: 5 }]),
  );
  await post(first, "metrics", jobs(100, 5));
  await expect.poll(async () => (await sloOf(first, "looks")).total, POLL).toBeGreaterThanOrEqual(2);
  await expect.poll(async () => (await sloOf(first, "fresh")).total, POLL).toBeGreaterThanOrEqual(2);
  // Two snapshots from here: the second one has nothing new from the spool.
  const file = join(dataDir, "state");
  let before = 0;
  for (let snapshot = 0; snapshot < 2; snapshot++) {
    const lastMs = before;
    await expect
      .poll(async () => (before = (await stat(file).catch(() => ({ mtimeMs: 0 }))).mtimeMs), POLL)
      .toBeGreaterThan(lastMs);
  }
  const looks = (await sloOf(first, "looks")).total;
  await first.stop("SIGKILL");

  const again = await start();
  // Looks since the snapshot may be gone; a look a second and a snapshot just now leave no more than two.
  expect((await sloOf(again, "looks")).total).toBeGreaterThanOrEqual(looks - 2);
  const fresh = (await sloOf(again, "fresh")).total;
  await expect.poll(async () => (await sloOf(again, "fresh")).total, POLL).toBeGreaterThan(fresh);
  await post(again, "metrics", jobs(350, 25));
  await expect
    .poll(async () => {
      const { bad, total } = await sloOf(again, "jobs");
      return { bad, total };
    }, POLL)
    .toEqual({ bad: 20, total: 250 });
});
