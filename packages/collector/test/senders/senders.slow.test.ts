// Real senders against a real collector process, read back where its users read. Run it with `npm run test:slow`.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "../process.js";

const run = promisify(execFile);
const SDK = fileURLToPath(new URL("sdk.mjs", import.meta.url));
const LOAD = fileURLToPath(new URL("../../../../../shared/tools/otlp-load/otlp-load.mjs", import.meta.url));
const EXAMPLES =
  process.env.TOCSIN_CONFORMANCE ??
  fileURLToPath(new URL("../../../../../shared/conformance", import.meta.url));
const BEGAN = new Date(Date.now() - 60_000).toISOString();

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

/** Spans or log lines that the query API finds. */
async function found(signal: "traces" | "logs", start: string): Promise<number> {
  if (signal === "traces") {
    const { groups } = await get<{ groups: { spanCount: number }[] }>(
      `/api/v1/traces/summary?start=${start}`,
    );
    return groups.reduce((sum, { spanCount }) => sum + spanCount, 0);
  }
  let count = 0;
  let cursor = "";
  do {
    const path = `/api/v1/logs?start=${start}&limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const page = await get<{ logs: unknown[]; nextCursor: string | null }>(path);
    count += page.logs.length;
    cursor = page.nextCursor ?? "";
  } while (cursor !== "");
  return count;
}

/** The value of an instant query's only series. */
async function value(promql: string): Promise<number | undefined> {
  const path = `/prometheus/api/v1/query?query=${encodeURIComponent(promql)}`;
  const { data } = await get<{ data: { result: { value: [number, string] }[] } }>(path);
  return data.result.length === 1 ? Number(data.result[0]?.value[1]) : undefined;
}

const isLoadThere = existsSync(LOAD);
if (!isLoadThere) console.warn(`Skipped: the load generator is not at ${LOAD}.`);

describe.skipIf(!isLoadThere)("the load generator: what was accepted is found again", () => {
  const encodings = [
    ["http", "protobuf"],
    ["http", "json"],
    ["grpc", "protobuf"],
  ] as const;
  const cases = encodings.flatMap(([protocol, encoding]) =>
    (["none", "gzip"] as const).map((compression) => ({ protocol, encoding, compression })),
  );
  const METRICS = [
    "http_server_requests_total",
    "http_server_request_duration_seconds_count",
    "nodejs_eventloop_utilization_ratio",
    "db_client_operation_duration_seconds",
  ];

  test.each(cases)("$protocol $encoding $compression", async ({ protocol, encoding, compression }) => {
    const port = protocol === "grpc" ? collector.otlpGrpcPort : collector.otlpHttpPort;
    const dir = await mkdtemp(join(tmpdir(), "tocsin-load-"));
    try {
      for (const signal of ["traces", "logs", "metrics"] as const) {
        const acceptedBefore = await own("tocsin_receive_accepted_items_total", { signal });
        const beganSeconds = Date.now() / 1_000;
        // Spans begin before they are sent.
        const start = new Date(Date.now() - 10_000).toISOString();
        const foundBefore = signal === "metrics" ? 0 : await found(signal, start);
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
        if (signal === "metrics") {
          for (const metric of METRICS) {
            const fresh = () => value(`count(timestamp(${metric}) >= ${beganSeconds})`);
            await expect.poll(fresh, { timeout: 30_000, message: metric }).toBeGreaterThan(0);
          }
        } else {
          const read = async () => (await found(signal, start)) - foundBefore;
          await expect.poll(read, { timeout: 60_000, interval: 500, message: signal }).toBe(totals.accepted);
        }
      }
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});

const examples = await readdir(join(EXAMPLES, "otlp-json")).catch(() => []);
if (examples.length === 0) console.warn(`Skipped: the specification's examples are not in ${EXAMPLES}.`);

describe.skipIf(examples.length === 0)(
  "the specification's JSON examples, found again field by field",
  () => {
    const TRACE_ID = "5b8efff798038103d269b633813fc60c";

    beforeAll(async () => {
      for (const file of examples) {
        const signal = file.startsWith("trace") ? "traces" : file.startsWith("metrics") ? "metrics" : "logs";
        const text = await readFile(join(EXAMPLES, "otlp-json", file), "utf8");
        // They are of 2018, which is past any retention: their seconds are counted from now.
        const nowSeconds = Math.floor(Date.now() / 1_000) - 5;
        const recent = text.replace(/"15447126(6\d)(\d{9})"/g, (_, second: string, nanos: string) => {
          return `"${nowSeconds + Number(second) - 60}${nanos}"`;
        });
        const response = await fetch(`http://127.0.0.1:${collector.otlpHttpPort}/v1/${signal}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: recent,
        });
        expect([response.status, await response.json()], file).toEqual([200, {}]);
      }
    });

    test("the trace", async () => {
      const trace = () =>
        get<{ spans: unknown[] }>(`/api/v1/traces/${TRACE_ID}`).catch(() => ({ spans: [] }));
      await expect.poll(async () => (await trace()).spans.length, { timeout: 60_000 }).toBe(1);
      expect((await trace()).spans).toMatchObject([
        {
          service: "my.service",
          name: "I'm a server span",
          kind: "server",
          parentSpanId: "eee19b7ec3c1b173",
          durationNanos: 1_000_000_000,
          attributes: { "my.span.attr": "some value" },
        },
      ]);
    });

    test("the log record and the event", async () => {
      const search = (query: string) => get<{ logs: unknown[] }>(`/api/v1/logs?start=${BEGAN}&${query}`);
      const byTrace = () => search(`trace_id=${TRACE_ID}`);
      await expect.poll(async () => (await byTrace()).logs.length, { timeout: 60_000 }).toBe(1);
      expect((await byTrace()).logs).toMatchObject([
        {
          service: "my.service",
          body: "Example log record",
          spanId: "eee19b7ec3c1b174",
          attributes: {
            "string.attribute": "some string",
            "boolean.attribute": "true",
            "int.attribute": "10",
            "double.attribute": "637.704",
            "array.attribute": '["many","values"]',
            "map.attribute": '{"some.map.key":"some value"}',
          },
        },
      ]);
      const byAttribute = await search(
        `attribute=${encodeURIComponent("event.attribute=some event attribute")}`,
      );
      expect(byAttribute.logs).toMatchObject([{ service: "my.service", eventName: "browser.page_view" }]);
      expect((await search("q=GUID")).logs).toHaveLength(1);
    });

    test.each([
      ["my_counter_total", 5],
      ["my_gauge_ratio", 10],
      ["my_histogram_sum", 2],
      ['my_histogram_bucket{le="1.0"}', 1],
      ['my_histogram_bucket{le="+Inf"}', 2],
      ["histogram_count(my_exponential_histogram)", 3],
      ["histogram_sum(my_exponential_histogram)", 10],
    ])("the metric %s", async (promql, want) => {
      await expect.poll(() => value(promql), { timeout: 30_000 }).toBe(want);
    });
  },
);
