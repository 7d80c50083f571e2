// Tail sampling of the real collector, killed again and again in the midst of it. Run with `npm run test:slow`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decodeTraces, hexAt } from "../src/otlp/index.js";
import { type CollectorProcess, startProcess } from "./process.js";

const ROUNDS = 6;
const TRACES_PER_ROUND = 40;
const HALVES = 2;

let dataDir: string;
let backend: Server;
let running: CollectorProcess | undefined;
/** Trace and span ids that arrived. */
const arrived = new Set<string>();

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "tocsin-tail-kill-"));
  backend = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const spans = decodeTraces(gunzipSync(Buffer.concat(chunks)));
    for (let row = 0; row < spans.rowCount; row++) {
      arrived.add(
        `${hexAt(spans.bytes, spans.traceId[row], 16)}/${hexAt(spans.bytes, spans.spanId[row], 8)}`,
      );
    }
    response.end();
  });
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  const { port } = backend.address() as AddressInfo;
  await writeFile(
    join(dataDir, "tocsin.yaml"),
    `store: none
forward: { endpoints: ["http://127.0.0.1:${port}"] }
sample:
  tail:
    decision_wait: 1s
    policies:
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: rate, type: rate_limiting, rate_limiting: { spans_per_second: 20 } }
`,
  );
});

afterEach(async () => {
  await running?.stop("SIGKILL");
  await new Promise((resolve) => backend.close(resolve));
  await rm(dataDir, { recursive: true, force: true });
});

const traceIdOf = (trace: number): string => (2 ** 40 + trace).toString(16).padStart(32, "0");
const spanIdOf = (half: number): string => (half + 1).toString(16).padStart(16, "0");

async function sendHalf(collector: CollectorProcess, traces: readonly number[], half: number): Promise<void> {
  const spans = traces.map((trace) => ({
    traceId: traceIdOf(trace),
    spanId: spanIdOf(half),
    name: "work",
    // Every fourth trace failed, which only its first half tells.
    status: half === 0 && trace % 4 === 0 ? { code: 2 } : {},
  }));
  const response = await fetch(`http://127.0.0.1:${collector.otlpHttpPort}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
  });
  if (!response.ok) throw new Error(`answered ${response.status}: ${await response.text()}`);
}

test("no kept span is lost, and no trace is torn in two", async () => {
  let total = 0;
  for (let round = 0; round < ROUNDS; round++) {
    running = await startProcess({ dataDir, args: ["--config", join(dataDir, "tocsin.yaml")] });
    const traces = Array.from({ length: TRACES_PER_ROUND }, (_, index) => total + index);
    total += TRACES_PER_ROUND;
    await sendHalf(running, traces, 0);
    // The second half comes while the first is being decided on or sent, on this side of the kill or the other.
    const other = round % 2 === 0;
    if (!other) await sendHalf(running, traces, 1);
    await new Promise((resolve) => setTimeout(resolve, 100 + 500 * round));
    await running.stop("SIGKILL");
    if (!other) continue;
    running = await startProcess({ dataDir, args: ["--config", join(dataDir, "tocsin.yaml")] });
    await sendHalf(running, traces, 1);
    await running.stop("SIGKILL");
  }
  running = await startProcess({ dataDir, args: ["--config", join(dataDir, "tocsin.yaml")] });
  // A clean end sends what is left.
  expect(await running.stop()).toBe(0);
  running = undefined;

  const halvesOf = (trace: number): number =>
    Array.from({ length: HALVES }, (_, half) => `${traceIdOf(trace)}/${spanIdOf(half)}`).filter((id) =>
      arrived.has(id),
    ).length;
  const halves = Array.from({ length: total }, (_, trace) => halvesOf(trace));
  expect(halves.filter((_, trace) => trace % 4 === 0)).toEqual(Array(total / 4).fill(HALVES));
  expect(new Set(halves)).toEqual(new Set([0, HALVES]));
});
