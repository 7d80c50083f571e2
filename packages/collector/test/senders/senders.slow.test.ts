// Real senders against a real collector process, read back where its users read. Run it with `npm run test:slow`.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "../process.js";

const run = promisify(execFile);
const SDK = fileURLToPath(new URL("sdk.mjs", import.meta.url));
const LOAD = fileURLToPath(new URL("../../../../../shared/tools/otlp-load/otlp-load.mjs", import.meta.url));
const TABLES = { traces: "otel_traces", logs: "otel_logs" } as const;

let collector: CollectorProcess;

beforeAll(async () => {
  collector = await startProcess();
});

afterAll(async () => {
  expect(await collector.stop()).toBe(0);
});

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${collector.url}${path}`);
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Sum of a metric of the collector itself over the label sets that hold all of `labels`. */
async function own(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const text = await (await fetch(`${collector.url}/metrics`)).text();
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

interface SpanJson {
  readonly service: string;
  readonly name: string;
}

interface LogJson {
  readonly service: string;
  readonly body: string;
  readonly traceId: string;
}

describe("the OpenTelemetry SDK, set up by its environment alone", () => {
  test.each(["http/protobuf", "http/json", "grpc"])("over %s", async (protocol) => {
    const service = `sdk-${protocol.replace("/", "-")}`;
    const port = protocol === "grpc" ? collector.otlpGrpcPort : collector.otlpHttpPort;
    const { stdout } = await run(process.execPath, [SDK], {
      env: {
        ...process.env,
        OTEL_SERVICE_NAME: service,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_TRACES_EXPORTER: "otlp",
        OTEL_METRICS_EXPORTER: "otlp",
        OTEL_LOGS_EXPORTER: "otlp",
      },
    });
    const { traceId } = JSON.parse(stdout) as { traceId: string };

    const spans = async (): Promise<SpanJson[]> =>
      (await get<{ spans: SpanJson[] }>(`/api/v1/traces/${traceId}`).catch(() => ({ spans: [] }))).spans;
    await expect.poll(async () => (await spans()).length, { timeout: 60_000 }).toBe(2);
    expect(new Set((await spans()).map(({ name }) => name))).toEqual(new Set(["POST /orders", "charge"]));
    const listed = await get<{ traces: { traceId: string }[] }>(`/api/v1/traces?service=${service}`);
    expect(listed.traces.map((found) => found.traceId)).toEqual([traceId]);

    const lines = async (): Promise<LogJson[]> =>
      (await get<{ logs: LogJson[] }>(`/api/v1/logs?trace_id=${traceId}`)).logs;
    await expect.poll(async () => (await lines()).length, { timeout: 60_000 }).toBe(1);
    expect((await lines())[0]).toMatchObject({ service, body: "card was slow", traceId });

    const query = encodeURIComponent(`sdk_orders_total{job="${service}",kind="card"}`);
    const values = async (): Promise<string[]> =>
      (
        await get<{ data: { result: { value: [number, string] }[] } }>(
          `/prometheus/api/v1/query?query=${query}`,
        )
      ).data.result.map(({ value }) => value[1]);
    await expect.poll(values, { timeout: 60_000 }).toEqual(["3"]);
  });
});

const isLoadThere = existsSync(LOAD);
if (!isLoadThere) console.warn(`Skipped: the load generator is not at ${LOAD}.`);

describe.skipIf(!isLoadThere)("the load generator: what was accepted, the engine confirmed", () => {
  const encodings = [
    ["http", "protobuf"],
    ["http", "json"],
    ["grpc", "protobuf"],
  ] as const;
  const cases = encodings.flatMap(([protocol, encoding]) =>
    (["none", "gzip"] as const).map((compression) => ({ protocol, encoding, compression })),
  );

  test.each(cases)("$protocol $encoding $compression", async ({ protocol, encoding, compression }) => {
    const port = protocol === "grpc" ? collector.otlpGrpcPort : collector.otlpHttpPort;
    const dir = await mkdtemp(join(tmpdir(), "tocsin-load-"));
    try {
      for (const signal of ["traces", "logs", "metrics"] as const) {
        const acceptedBefore = await own("tocsin_receive_accepted_items_total", { signal });
        const table = signal === "metrics" ? undefined : TABLES[signal];
        const writtenBefore = table ? await own("tocsin_store_rows_written_total", { table }) : 0;
        const out = join(dir, `${signal}.json`);
        await run(process.execPath, [
          LOAD,
          ...["--url", `http://127.0.0.1:${port}`, "--protocol", protocol, "--signal", signal],
          ...["--encoding", encoding, "--compression", compression, "--batch", "100", "--templates", "2"],
          ...["--rate", "2000", "--concurrency", "2", "--duration", "1", "--warmup", "0", "--out", out],
        ]);
        const { totals } = JSON.parse(await readFile(out, "utf8")) as {
          totals: { offered: number; accepted: number; rejected: number; failed: number };
        };
        expect(totals).toMatchObject({ accepted: totals.offered, rejected: 0, failed: 0 });
        expect(totals.accepted).toBeGreaterThan(0);
        const accepted = async () =>
          (await own("tocsin_receive_accepted_items_total", { signal })) - acceptedBefore;
        expect(await accepted(), signal).toBe(totals.accepted);
        if (!table) continue;
        const written = async () => (await own("tocsin_store_rows_written_total", { table })) - writtenBefore;
        await expect.poll(written, { timeout: 60_000 }).toBe(totals.accepted);
      }
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
