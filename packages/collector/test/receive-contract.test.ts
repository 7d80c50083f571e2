// The contract of the OTLP specification, and of Zipkin's and Loki's APIs, asked of a running collector.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import zlib from "node:zlib";
import { Client, compressionAlgorithms, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import snappy from "snappyjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { otlpJsonToProtobuf } from "../src/otlp/index.js";
import { type CollectorProcess, startProcess } from "./process.js";

let folder: string;
let collector: CollectorProcess;
/** One with hardly any room. */
let tight: CollectorProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-contract-"));
  const start = async (name: string, limits: object) => {
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, JSON.stringify({ mode: "sidecar", limits }));
    return startProcess({ args: ["--config", file] });
  };
  collector = await start("collector", { max_request_size: "64KiB" });
  tight = await start("tight", { max_in_flight_per_sender: "16KiB", max_wait: 0, retry_after: 7 });
});

afterAll(async () => {
  await Promise.all([collector.stop(), tight.stop()]);
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Sent {
  readonly to?: CollectorProcess;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  /** In one piece with its length announced, or in chunks. */
  readonly body?: string | Uint8Array | readonly (string | Uint8Array)[];
  readonly agent?: http.Agent;
}

function send({
  to = collector,
  method = "POST",
  path = "/v1/traces",
  headers = {},
  body = "",
  agent,
}: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const isWhole = typeof body === "string" || body instanceof Uint8Array;
    const length = isWhole && method !== "GET" ? { "content-length": String(Buffer.byteLength(body)) } : {};
    const request = http.request(
      { port: to.otlpHttpPort, method, path, agent: agent ?? false, headers: { ...length, ...headers } },
      async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      },
    );
    request.on("error", reject);
    for (const part of isWhole ? [body] : body) request.write(part);
    request.end();
  });
}

const JSON_TYPE = { "content-type": "application/json" };
const PROTOBUF_TYPE = { "content-type": "application/x-protobuf" };
const ids = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
const request = (...spans: object[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
const GOOD = request({ ...ids, name: "a" });
const PARTLY = request({ ...ids, name: "a" }, { name: "without ids" });
const LARGE = request({ ...ids, name: "x".repeat(80 * 1024) });

/** A google.rpc.Status with a code below 128 in protobuf: the code, and what the message begins with. */
function readStatus(body: Buffer): { code: number; message: string } {
  expect(body[0]).toBe(8);
  expect(body[2]).toBe(18);
  const start = (body[3] as number) < 128 ? 4 : 5;
  return { code: body[1] as number, message: body.toString("utf8", start) };
}

describe("OTLP/HTTP: what is taken", () => {
  const zstd = (zlib as { zstdCompressSync?: (body: Uint8Array) => Buffer }).zstdCompressSync;
  test.each([
    { encoding: "identity", compress: (body: Uint8Array) => body },
    { encoding: "gzip", compress: zlib.gzipSync },
    { encoding: "x-gzip", compress: zlib.gzipSync },
    { encoding: "deflate", compress: zlib.deflateSync },
    ...(zstd ? [{ encoding: "zstd", compress: zstd }] : []),
  ])("$encoding, JSON and protobuf, announced and chunked", async ({ encoding, compress }) => {
    for (const type of [JSON_TYPE, PROTOBUF_TYPE]) {
      const plain = type === JSON_TYPE ? Buffer.from(GOOD) : otlpJsonToProtobuf("traces", GOOD);
      const body = compress(plain);
      const headers = { ...type, "content-encoding": encoding };
      for (const sent of [body, [body.subarray(0, 9), body.subarray(9)]]) {
        const { status, headers: answered, body: answer } = await send({ headers, body: sent });
        expect([status, answered["content-type"], answer.toString()]).toEqual([
          200,
          type["content-type"],
          type === JSON_TYPE ? "{}" : "",
        ]);
      }
    }
  });

  test("partial success is there when something was rejected, and only then", async () => {
    const whole = await send({ headers: JSON_TYPE, body: GOOD });
    expect(whole.body.toString()).toBe("{}");
    const partly = await send({ headers: JSON_TYPE, body: PARTLY });
    expect([partly.status, JSON.parse(partly.body.toString())]).toEqual([
      200,
      { partialSuccess: { rejectedSpans: "1", errorMessage: "a trace_id must be 16 bytes, not all zero" } },
    ]);
    const none = await send({ headers: PROTOBUF_TYPE, body: new Uint8Array() });
    expect([none.status, none.body.length]).toEqual([200, 0]);
  });

  test.each(["/v1/traces", "/v1/metrics", "/v1/logs"])("%s takes its own signal", async (path) => {
    expect((await send({ path, headers: JSON_TYPE, body: "{}" })).status).toBe(200);
  });

  test("a body announced with Expect: 100-continue is asked for", async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(collector.otlpHttpPort, "127.0.0.1");
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString();
        if (text.endsWith("100 Continue\r\n\r\n")) socket.write(GOOD);
      });
      socket.on("close", () => resolve(text)).on("error", reject);
      socket.write(
        `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${GOOD.length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`,
      );
    });
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  test("a connection serves many requests, refused ones among them", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const statuses: number[] = [];
    for (const [headers, body] of [
      [JSON_TYPE, GOOD],
      [JSON_TYPE, "{"],
      [{ "content-type": "text/plain" }, GOOD],
      [PROTOBUF_TYPE, new Uint8Array()],
    ] as const) {
      const { status, headers: answered } = await send({ agent, headers, body });
      expect(answered.connection).toBe("keep-alive");
      statuses.push(status);
    }
    expect(statuses).toEqual([200, 400, 415, 200]);
    agent.destroy();
  });
});

describe("OTLP/HTTP: what is refused", () => {
  const bomb = Buffer.from(LARGE);
  test.each<{ name: string; sent: Sent; status: number; code: number; header?: [string, string] }>([
    { name: "broken JSON", sent: { headers: JSON_TYPE, body: "{" }, status: 400, code: 3 },
    {
      name: "no UTF-8",
      sent: { headers: JSON_TYPE, body: Buffer.from([0x7b, 0xff, 0x7d]) },
      status: 400,
      code: 3,
    },
    {
      name: "JSON of another form",
      sent: { headers: JSON_TYPE, body: '{"resourceSpans":1}' },
      status: 400,
      code: 3,
    },
    {
      name: "broken protobuf",
      sent: { headers: PROTOBUF_TYPE, body: Buffer.from([0x0a, 0x05]) },
      status: 400,
      code: 3,
    },
    {
      name: "broken gzip",
      sent: { headers: { ...PROTOBUF_TYPE, "content-encoding": "gzip" }, body: "no gzip" },
      status: 400,
      code: 3,
    },
    {
      name: "gzip that ends early",
      sent: {
        headers: { ...JSON_TYPE, "content-encoding": "gzip" },
        body: zlib.gzipSync(GOOD).subarray(0, 40),
      },
      status: 400,
      code: 3,
    },
    ...["GET", "PUT", "PATCH", "DELETE", "OPTIONS"].map((method) => ({
      name: method,
      sent: { method, headers: JSON_TYPE },
      status: 405,
      code: 12,
      header: ["allow", "POST"] as [string, string],
    })),
    {
      name: "another path",
      sent: { path: "/v1/profiles", headers: JSON_TYPE, body: "{}" },
      status: 404,
      code: 5,
    },
    {
      name: "another path, protobuf",
      sent: { path: "/v1/trace", headers: PROTOBUF_TYPE, body: new Uint8Array() },
      status: 404,
      code: 5,
    },
    { name: "too large, announced", sent: { headers: JSON_TYPE, body: LARGE }, status: 413, code: 3 },
    { name: "too large, chunked", sent: { headers: JSON_TYPE, body: [LARGE] }, status: 413, code: 3 },
    ...(["gzip", "deflate"] as const).map((encoding) => ({
      name: `too large once unfolded from ${encoding}`,
      sent: {
        headers: { ...PROTOBUF_TYPE, "content-encoding": encoding },
        body: encoding === "gzip" ? zlib.gzipSync(bomb) : zlib.deflateSync(bomb),
      },
      status: 413,
      code: 3,
    })),
    {
      name: "an unknown media type",
      sent: { headers: { "content-type": "text/plain" }, body: "{}" },
      status: 415,
      code: 3,
    },
    { name: "no media type", sent: { body: "{}" }, status: 415, code: 3 },
    ...["br", "gzip, gzip", "snappy"].map((encoding) => ({
      name: `the encoding ${encoding}`,
      sent: { headers: { ...PROTOBUF_TYPE, "content-encoding": encoding }, body: "x" },
      status: 415,
      code: 3,
      header: ["accept-encoding", "zstdDecompress" in zlib ? "gzip, deflate, zstd" : "gzip, deflate"] as [
        string,
        string,
      ],
    })),
  ])(
    "$name: $status, a Status in the encoding of the request, no Retry-After",
    async ({ sent, status, code, header }) => {
      const answer = await send(sent);
      expect(answer.status).toBe(status);
      expect(answer.headers["retry-after"]).toBeUndefined();
      const isProtobuf = sent.headers?.["content-type"] === PROTOBUF_TYPE["content-type"];
      expect(answer.headers["content-type"]).toBe(isProtobuf ? "application/x-protobuf" : "application/json");
      const told = isProtobuf ? readStatus(answer.body) : (JSON.parse(answer.body.toString()) as object);
      expect(told).toEqual({ code, message: expect.stringMatching(/^\S.*[.:)]$/) });
      if (header) expect(answer.headers[header[0]]).toBe(header[1]);
    },
  );

  test("HEAD: 405 without a body", async () => {
    const { status, body } = await send({ method: "HEAD" });
    expect([status, body.length]).toEqual([405, 0]);
  });

  test("no room: 429 and 503 with Retry-After, and a Status", async () => {
    const large = request({ ...ids, name: "x".repeat(20 * 1024) });
    for (const [type, body] of [
      [JSON_TYPE, large],
      [PROTOBUF_TYPE, otlpJsonToProtobuf("traces", large)],
    ] as const) {
      const { status, headers, body: answer } = await send({ to: tight, headers: type, body });
      expect([status, headers["retry-after"], headers["content-type"]]).toEqual([
        429,
        "7",
        type["content-type"],
      ]);
      const told =
        type === JSON_TYPE ? (JSON.parse(answer.toString()) as { code: number }) : readStatus(answer);
      expect(told.code).toBe(8);
    }
  });

  test("nothing of it is an answer of 5xx, and the collector lives", async () => {
    const text = await (await fetch(`${collector.url}/metrics`)).text();
    expect(text).not.toMatch(/refused_requests_total\{[^}]*reason="internal"/);
    expect((await send({ headers: JSON_TYPE, body: GOOD })).status).toBe(200);
  });
});

describe("OTLP/gRPC", () => {
  const SERVICES = {
    traces: "trace.v1.TraceService",
    metrics: "metrics.v1.MetricsService",
    logs: "logs.v1.LogsService",
  } as const;

  function call(
    body: Uint8Array,
    options: { to?: CollectorProcess; service?: string; method?: string; gzip?: boolean } = {},
  ): Promise<{ code: number; details: string; retryInfo: boolean; answer: Buffer }> {
    const { to = collector, service = SERVICES.traces, method = "Export", gzip = false } = options;
    const same = (bytes: Buffer): Buffer => bytes;
    const client = new Client(`127.0.0.1:${to.otlpGrpcPort}`, credentials.createInsecure(), {
      "grpc.default_compression_algorithm": gzip
        ? compressionAlgorithms.gzip
        : compressionAlgorithms.identity,
    });
    const path = `/opentelemetry.proto.collector.${service}/${method}`;
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        path,
        same,
        same,
        Buffer.from(body),
        new Metadata(),
        (error: ServiceError | null, answer?: Buffer) => {
          client.close();
          const [status] = error?.metadata?.get("grpc-status-details-bin") ?? [];
          resolve({
            code: error?.code ?? 0,
            details: error?.details ?? "",
            retryInfo: status?.toString("latin1").includes("google.rpc.RetryInfo") ?? false,
            answer: answer ?? Buffer.alloc(0),
          });
        },
      );
    });
  }

  test.each(Object.values(SERVICES))("%s, plain and gzip", async (service) => {
    const body = service === SERVICES.traces ? otlpJsonToProtobuf("traces", GOOD) : new Uint8Array();
    for (const gzip of [false, true]) {
      expect(await call(body, { service, gzip })).toMatchObject({ code: 0, answer: Buffer.alloc(0) });
    }
  });

  test("partial success is there when something was rejected", async () => {
    const { code, answer } = await call(otlpJsonToProtobuf("traces", PARTLY));
    expect([code, answer.toString("latin1")]).toEqual([
      0,
      expect.stringContaining("a trace_id must be 16 bytes"),
    ]);
  });

  test.each([
    { name: "bytes that are not OTLP", body: Buffer.from([0x0a, 0x7f]), options: {}, code: 3 },
    { name: "an unknown method", body: Buffer.alloc(0), options: { method: "Import" }, code: 12 },
    { name: "an unknown service", body: Buffer.alloc(0), options: { service: "x.v1.X" }, code: 12 },
    { name: "a message over the limit", body: Buffer.alloc(80 * 1024), options: {}, code: 8 },
    {
      name: "a message over the limit once unfolded",
      body: otlpJsonToProtobuf("traces", LARGE),
      options: { gzip: true },
      code: 8,
    },
  ])("$name: $code, final", async ({ body, options, code }) => {
    expect(await call(body, options)).toMatchObject({
      code,
      retryInfo: false,
      details: expect.stringMatching(/\w/),
    });
  });

  test("no room: RESOURCE_EXHAUSTED with RetryInfo", async () => {
    const large = otlpJsonToProtobuf("traces", request({ ...ids, name: "x".repeat(20 * 1024) }));
    expect(await call(large, { to: tight })).toMatchObject({ code: 8, retryInfo: true });
  });
});

describe("Zipkin and Loki on the same port", () => {
  const zipkin = JSON.stringify([{ traceId: "5982fe77008310cc", id: "5982fe77008310cc", name: "get" }]);
  const loki = JSON.stringify({
    streams: [{ stream: { app: "shop" }, values: [["1790000000000000001", "hello"]] }],
  });
  // streams { labels: {app="shop"}, entries { timestamp { seconds: 1 }, line: "hi" } }
  const labels = Buffer.from('{app="shop"}');
  const entry = Buffer.from([0x0a, 2, 8, 1, 0x12, 2, 0x68, 0x69]);
  const stream = Buffer.concat([
    Buffer.from([0x0a, labels.length]),
    labels,
    Buffer.from([0x12, entry.length]),
    entry,
  ]);
  const push = Buffer.from(snappy.compress(Buffer.concat([Buffer.from([0x0a, stream.length]), stream])));
  const ZIPKIN = "/api/v2/spans";
  const LOKI = "/loki/api/v1/push";

  test.each<{ name: string; sent: Sent; status: number }>([
    { name: "Zipkin", sent: { path: ZIPKIN, headers: JSON_TYPE, body: zipkin }, status: 202 },
    {
      name: "Zipkin, gzip",
      sent: {
        path: ZIPKIN,
        headers: { ...JSON_TYPE, "content-encoding": "gzip" },
        body: zlib.gzipSync(zipkin),
      },
      status: 202,
    },
    { name: "Loki, JSON", sent: { path: LOKI, headers: JSON_TYPE, body: loki }, status: 204 },
    {
      name: "Loki, JSON, gzip",
      sent: { path: LOKI, headers: { ...JSON_TYPE, "content-encoding": "gzip" }, body: zlib.gzipSync(loki) },
      status: 204,
    },
    { name: "Loki, snappy protobuf", sent: { path: LOKI, headers: PROTOBUF_TYPE, body: push }, status: 204 },
    {
      name: "Loki, snappy protobuf that says so",
      sent: { path: LOKI, headers: { ...PROTOBUF_TYPE, "content-encoding": "snappy" }, body: push },
      status: 204,
    },
    { name: "Zipkin that is none", sent: { path: ZIPKIN, headers: JSON_TYPE, body: "{}" }, status: 400 },
    { name: "Loki that is none", sent: { path: LOKI, headers: JSON_TYPE, body: "[]" }, status: 400 },
    {
      name: "Loki, broken snappy",
      sent: { path: LOKI, headers: PROTOBUF_TYPE, body: "\xff\xff" },
      status: 400,
    },
    { name: "Zipkin, GET", sent: { path: ZIPKIN, method: "GET" }, status: 405 },
    { name: "Loki, GET", sent: { path: LOKI, method: "GET" }, status: 405 },
    {
      name: "Zipkin, thrift",
      sent: { path: ZIPKIN, headers: { "content-type": "application/x-thrift" }, body: "x" },
      status: 415,
    },
    {
      name: "Loki, text",
      sent: { path: LOKI, headers: { "content-type": "text/plain" }, body: "x" },
      status: 415,
    },
    {
      name: "Zipkin, too large",
      sent: { path: ZIPKIN, headers: JSON_TYPE, body: `[${" ".repeat(80 * 1024)}]` },
      status: 413,
    },
  ])("$name: $status", async ({ sent, status }) => {
    const answer = await send(sent);
    expect(answer.status).toBe(status);
    if (status >= 400) expect(answer.body.toString()).toMatch(/\w.*\.$/);
  });
});
