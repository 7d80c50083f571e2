import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "./process.js";

const TRACES = 400;

const SLO = "slos: [{ name: requests, service: shop, objective: 99%, sli: { type: availability } }]\n";

let folder: string;
const running: CollectorProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-tail-"));
});

afterEach(async () => {
  for (const process of running.splice(0).reverse()) await process.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(name: string, yaml: string): Promise<CollectorProcess> {
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, `store: none\n${yaml}`);
  const process = await startProcess({ args: ["--config", file] });
  running.push(process);
  return process;
}

interface Span {
  readonly traceId: string;
  readonly name: string;
  readonly kind: number;
  readonly isError?: boolean;
}

async function send(collector: CollectorProcess, spans: readonly Span[]): Promise<void> {
  const endMs = Date.now();
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  const items = spans.map(({ isError, ...span }, index) => ({
    ...span,
    spanId: (index + 1).toString(16).padStart(16, "0"),
    startTimeUnixNano: `${endMs - 5}000000`,
    endTimeUnixNano: `${endMs}000000`,
    status: isError ? { code: 2 } : {},
  }));
  const response = await fetch(`http://127.0.0.1:${collector.otlpHttpPort}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: items }] }] }),
  });
  expect(response.status).toBe(200);
}

async function sumOf(collector: CollectorProcess, metric: string, labels = ""): Promise<number> {
  const text = await (await fetch(`${collector.url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(metric) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

async function requestsOf(collector: CollectorProcess): Promise<{ total: number; bad: number }> {
  const { total, bad } = (await (await fetch(`${collector.url}/api/v1/slos/requests`)).json()) as {
    total: number;
    bad: number;
  };
  return { total, bad };
}

/** Trace ids whose random parts are spread evenly, so that a share of them is exact. */
function traceIdOf(index: number): string {
  const random = (2n ** 56n * BigInt(index)) / BigInt(TRACES);
  return `0af7651916cd43dd84${random.toString(16).padStart(14, "0")}`;
}

test("one collector passes on failed traces and a share of the others; the next counts as many requests as came", async () => {
  const gateway = await start("gateway", SLO);
  const source = await start(
    "source",
    `${SLO}forward: { endpoints: ["http://127.0.0.1:${gateway.otlpHttpPort}"] }
sample:
  tail:
    decision_wait: 1s
    policies:
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: share, type: probabilistic, probabilistic: { sampling_percentage: 25 } }
`,
  );
  const indexes = Array.from({ length: TRACES }, (_, index) => index);
  // The failure of every twentieth trace is known by its second half alone, which comes in a request of its own.
  await send(
    source,
    indexes.map((index) => ({ traceId: traceIdOf(index), name: "GET /", kind: 2 })),
  );
  await send(
    source,
    indexes.map((index) => ({
      traceId: traceIdOf(index),
      name: "query",
      kind: 3,
      isError: index % 20 === 0,
    })),
  );

  const [failed, share] = [TRACES / 20, (TRACES - TRACES / 20) / 4];
  await expect
    .poll(() => sumOf(gateway, "tocsin_receive_accepted_items_total"), { timeout: 15_000 })
    .toBe(2 * (failed + share));
  // The source counts before anything is sampled; the gateway weighs what it gets and comes to the same.
  await expect.poll(() => requestsOf(source)).toEqual({ total: TRACES, bad: 0 });
  await expect.poll(() => requestsOf(gateway)).toEqual({ total: TRACES, bad: 0 });

  const spans = "tocsin_tail_sampling_spans_total";
  expect(await sumOf(source, "tocsin_receive_accepted_items_total")).toBe(2 * TRACES);
  expect(await sumOf(source, spans)).toBe(2 * TRACES);
  expect(await sumOf(source, spans, 'policy="errors",decision="kept"')).toBe(2 * failed);
  expect(await sumOf(source, spans, 'policy="share",decision="kept"')).toBe(2 * share);
  expect(await sumOf(source, spans, 'policy="none",decision="dropped"')).toBe(2 * (TRACES - failed - share));
});

test("a stopping collector decides at once on what still waits, and sends it", async () => {
  const gateway = await start("gateway", SLO);
  const source = await start(
    "source",
    `forward: { endpoints: ["grpc://127.0.0.1:${gateway.otlpGrpcPort}"] }
sample: { tail: { decision_wait: 1h, policies: [{ type: status_code, status_code: { status_codes: [ERROR] } }] } }
`,
  );
  await send(source, [
    { traceId: traceIdOf(1), name: "GET /", kind: 2, isError: true },
    { traceId: traceIdOf(2), name: "GET /", kind: 2 },
  ]);
  running.pop();
  expect(await source.stop()).toBe(0);
  await expect.poll(() => requestsOf(gateway)).toEqual({ total: 1, bad: 1 });
});
