// Nothing goes missing unnoticed: the real collector under load and faults, its own numbers against each other and against
// what senders, store, backend and SLO know. Run with `npx vitest run -c vitest.slow.config.ts packages/collector/test/balance`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EngineSupervisor } from "../../src/store/engine/supervisor.js";
import { ClickHouseSql } from "../../src/store/sql.js";
import { type CollectorProcess, startProcess } from "../process.js";
import { hasEngine } from "../store/embedded-store.js";
import { type Backend, type Mood, startBackend } from "./backend.js";
import { broken, equations, fromDoorToEnd, Metrics, unsettled } from "./equations.js";
import { type Book, type Senders, startSenders } from "./senders.js";

let folder: string;
let backend: Backend;
let running: CollectorProcess | undefined;
/** Of every sender of every process. */
const books: Book[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-balance-"));
  backend = await startBackend();
});

afterAll(async () => {
  await running?.stop("SIGKILL");
  await backend?.close();
  await rm(folder, { recursive: true, force: true });
});

const TAIL_SAMPLING = `
sample:
  tail:
    decision_wait: 1s
    policies:
      - { name: failed, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: rest, type: probabilistic, probabilistic: { sampling_percentage: 20 } }
`;

/** @param more what this process does besides intake, store, SLO and forwarding */
async function start(more: string): Promise<CollectorProcess> {
  await writeFile(
    join(folder, "tocsin.yaml"),
    `spool: { max_size: 12MB, segment_size: 1MB, memory: 2MB }
slos: [{ name: requests, service: shop, objective: 99%, sli: { type: availability } }]
forward: { endpoints: ["${backend.url}"], max_backoff: 500ms }
redact: { drop_attributes: ["text"] }
${more}`,
  );
  running = await startProcess({ dataDir: folder, args: ["--config", join(folder, "tocsin.yaml")] });
  return running;
}

function send(collector: CollectorProcess, options?: Parameters<typeof startSenders>[1]): Senders {
  const senders = startSenders(collector.otlpHttpPort, options);
  books.push(senders.book);
  return senders;
}

async function metricsOf(collector: CollectorProcess): Promise<Metrics> {
  return new Metrics(await (await fetch(`${collector.url}/metrics`)).text());
}

/** The numbers at a moment at which every consumer has dealt with everything. */
async function quiet(collector: CollectorProcess): Promise<Metrics> {
  for (let until = Date.now() + 90_000; ; ) {
    const metrics = await metricsOf(collector);
    if (unsettled(metrics) === 0) return metrics;
    if (Date.now() > until) throw new Error(`not quiet:\n${collector.log().slice(-2_000)}`);
    await pause(50);
  }
}

interface Engine {
  readonly pid: number;
  readonly restarts: number;
  readonly state: string;
}

async function engineOf(collector: CollectorProcess): Promise<Engine> {
  const status = (await (await fetch(`${collector.url}/api/v1/status`)).json()) as {
    store: { engine: Engine };
  };
  return status.store.engine;
}

async function inMood(mood: Mood, forMs: number): Promise<void> {
  backend.mood = mood;
  await pause(forMs);
  backend.mood = "well";
  await pause(500);
}

/** On a busy machine the collector may have given the engine up meanwhile, and started it again. */
function goOn(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

describe.skipIf(!hasEngine())("the balance", () => {
  test("holds when backend and engine fail under load, and is what the senders were told", {
    timeout: 240_000,
  }, async () => {
    const collector = await start(TAIL_SAMPLING);
    const senders = send(collector);
    await pause(1_000);
    for (const mood of ["overloaded", "dying", "picky", "refusing"] as const) await inMood(mood, 1_500);

    process.kill((await engineOf(collector)).pid, "SIGKILL");
    await expect
      .poll(() => engineOf(collector), { timeout: 60_000 })
      .toMatchObject({ restarts: 1, state: "running" });
    await senders.stop();

    // A store that stands still while senders are faster than it ever was: the spool fills, and then refuses.
    const again = (await engineOf(collector)).pid;
    process.kill(again, "SIGSTOP");
    const heavy = send(collector, { padding: 2_000, pauseMs: 0 });
    const refusals = async () =>
      (await metricsOf(collector)).sum("tocsin_receive_refused_requests_total", {
        reason: ["spool_full", "full"],
      });
    await expect.poll(refusals, { timeout: 60_000 }).toBeGreaterThan(4);
    await heavy.stop();
    goOn(again);

    const metrics = await quiet(collector);
    expect(broken([...equations(metrics), ...fromDoorToEnd(metrics)])).toEqual([]);
    // And it is no empty sum.
    for (const mood of ["well", "overloaded", "dying", "picky", "refusing"] as const)
      expect(backend.answered.get(mood), mood).toBeGreaterThan(0);
    const dropped = (reason: string) => metrics.sum("tocsin_export_dropped_items_total", { reason });
    for (const reason of ["sampled", "refused", "rejected"])
      expect(dropped(reason), reason).toBeGreaterThan(0);
    expect(metrics.sum("tocsin_export_retries_total")).toBeGreaterThan(0);
    for (const signal of ["traces", "logs", "metrics"] as const) {
      const told = (what: "acknowledged" | "rejected") =>
        books.reduce((sum, book) => sum + book[what][signal], 0);
      const counted = (what: string) => metrics.sum(`tocsin_receive_${what}_items_total`, { signal });
      expect([counted("accepted"), counted("rejected")], signal).toEqual([
        told("acknowledged"),
        told("rejected"),
      ]);
    }
  });

  test("holds over SIGTERM and SIGKILL in the midst of it, and nothing acknowledged is lost or doubled", {
    timeout: 240_000,
  }, async () => {
    for (const signal of ["SIGTERM", "SIGKILL", "SIGTERM", "SIGKILL"] as const) {
      const collector = running!;
      const senders = send(collector);
      await pause(1_200);
      const code = await collector.stop(signal);
      await senders.stop();
      expect(code, signal).toBe(signal === "SIGTERM" ? 0 : null);
      // From the second process on: other sampling, which takes over what the first left, and remote write.
      await start(`sample: { traces: 30% }\nremote_write: [{ url: "${backend.url}/write", name: far }]\n`);
    }
    const collector = running!;
    const senders = send(collector);
    await pause(1_000);
    await senders.stop();
    const metrics = await quiet(collector);
    expect(broken(equations(metrics))).toEqual([]);
    for (const name of ["tocsin_spool_replayed_records_total", "tocsin_remote_write_sent_samples_total"])
      expect(metrics.sum(name), name).toBeGreaterThan(0);

    const slo = (await (await fetch(`${collector.url}/api/v1/slos/requests`)).json()) as { total: number };
    await collector.stop();
    running = undefined;
    const stored = await storedSpans();
    const acknowledged = books.flatMap((book) => [...book.spans, ...book.failedSpans]);
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    expect([...stored].filter(([, times]) => times > 1)).toEqual([]);
    // Requests that got no answer may have arrived; SLO and store agree on which.
    expect(slo.total).toBe(stored.size);
  });
});

/** Ids of the spans in the store, and how often each is there. */
async function storedSpans(): Promise<Map<string, number>> {
  const engine = await EngineSupervisor.start({ directory: join(folder, "store") });
  const sql = new ClickHouseSql(() => engine.endpoint);
  const rows = await sql.query<{ id: string; n: number }>(
    "SELECT SpanId AS id, count() AS n FROM otel_traces GROUP BY id",
  );
  await sql.close();
  await engine.close();
  return new Map(rows.map(({ id, n }) => [id, n]));
}
