import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync, gzipSync } from "node:zlib";
import { type Clock, silentLogger, systemClock } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CollectorError } from "../errors.js";
import { countItems } from "../otlp/count-items.js";
import { attributeText, decodeTraces, otlpJsonToProtobuf } from "../otlp/index.js";
import { Spool } from "../spool/index.js";
import type { Backpressure } from "./admission.js";
import { createOtlpHttpReceiver, type HttpReceiver, type HttpReceiverOptions } from "./http-server.js";
import { type Appender, Intake, type IntakeLimits } from "./intake.js";

let dir: string;
let spool: Spool;
let intake: Intake;
let receiver: HttpReceiver;
let registry: Registry;
let url: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-otlp-http-"));
  spool = await Spool.open({ dir, consumers: ["store"] });
  await start();
});

afterEach(async () => {
  await receiver.close();
  intake.close();
  await spool.close();
  await rm(dir, { recursive: true, force: true });
});

async function start(
  limits: Partial<IntakeLimits> = {},
  options: Partial<HttpReceiverOptions> = {},
  appender: Appender = spool,
  backpressure?: Backpressure,
  clock: Clock = systemClock,
): Promise<void> {
  await receiver?.close();
  registry = new Registry();
  intake = new Intake({ spool: appender, backpressure, limits, clock, registry });
  receiver = createOtlpHttpReceiver({ intake, ...options });
  url = `http://127.0.0.1:${await receiver.listen({ host: "127.0.0.1", port: 0 })}`;
}

const GOOD = JSON.stringify({
  resourceSpans: [
    {
      scopeSpans: [
        { spans: [{ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", name: "a" }] },
      ],
    },
  ],
});
const PARTLY = GOOD.replace('{"traceId"', '{"traceId":"","spanId":"","name":"bad"},{"traceId"');

function post(
  body: string | Buffer,
  headers: Record<string, string> = {},
  path = "/v1/traces",
): Promise<Response> {
  return fetch(url + path, {
    method: "POST",
    body: typeof body === "string" ? body : new Uint8Array(body),
    headers: {
      "content-type": typeof body === "string" ? "application/json" : "application/x-protobuf",
      ...headers,
    },
  });
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

async function sum(name: string): Promise<number> {
  const metric = (await registry.getMetricsAsJSON()).find((each) => each.name === name);
  return metric?.values.reduce((total, each) => total + each.value, 0) ?? Number.NaN;
}

/** Looks again, turn by turn of the event loop, until it is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

describe("a good request", () => {
  test("is answered in its own encoding, empty, once it is in the spool", async () => {
    const json = await post(GOOD);
    expect([json.status, json.headers.get("content-type"), await json.text()]).toEqual([
      200,
      "application/json",
      "{}",
    ]);
    const protobuf = await post(otlpJsonToProtobuf("traces", GOOD));
    expect([protobuf.status, protobuf.headers.get("content-type"), await protobuf.text()]).toEqual([
      200,
      "application/x-protobuf",
      "",
    ]);
    const batch = await spool.consumer("store").read();
    expect(batch?.records.map(({ signal, body }) => [signal, decodeTraces(body).rowCount])).toEqual([
      ["traces", 1],
      ["traces", 1],
    ]);
  });

  test.each([
    { encoding: "gzip", compress: gzipSync },
    { encoding: "deflate", compress: deflateSync },
  ])("may be compressed with $encoding", async ({ encoding, compress }) => {
    const response = await post(compress(GOOD), {
      "content-encoding": encoding,
      "content-type": "application/json",
    });
    expect(response.status).toBe(200);
    expect((await spool.consumer("store").read())?.records).toHaveLength(1);
  });

  test("may be chunked, and many may share a connection", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    for (let round = 0; round < 3; round++) {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const request = http.request(`${url}/v1/traces`, {
          method: "POST",
          agent,
          headers: { "content-type": "application/json; charset=utf-8" },
        });
        request.on("socket", (socket) => sockets.add(socket));
        request.on("response", (response) => response.resume().on("end", () => resolve(response.statusCode)));
        request.on("error", reject);
        for (const part of GOOD.match(/.{1,20}/g) ?? []) request.write(part);
        request.end();
      });
      expect(status).toBe(200);
    }
    expect(sockets.size).toBe(1);
    agent.destroy();
  });

  test("with some invalid items says how many and why", async () => {
    const json = await post(PARTLY);
    expect([json.status, await json.json()]).toEqual([
      200,
      { partialSuccess: { rejectedSpans: "1", errorMessage: "a trace_id must be 16 bytes, not all zero" } },
    ]);
    const protobuf = await post(otlpJsonToProtobuf("traces", PARTLY));
    const reason = Buffer.from("a trace_id must be 16 bytes, not all zero");
    const message = Buffer.concat([Buffer.from([8, 1, 18, reason.length]), reason]);
    expect(await bytesOf(protobuf)).toEqual(Buffer.concat([Buffer.from([10, message.length]), message]));
    expect(await sum("tocsin_receive_received_items_total")).toBe(4);
    expect(await sum("tocsin_receive_accepted_items_total")).toBe(2);
    expect(await sum("tocsin_receive_rejected_items_total")).toBe(2);
    // What was rejected is not kept: nobody behind the spool meets it again.
    const batch = await spool.consumer("store").read();
    expect(batch?.records.map(({ body }) => countItems("traces", body))).toEqual([1, 1]);
  });

  test("is cut to the limits of an item, and what was cut is counted", async () => {
    await start({ maxAttributes: 1, maxAttributeLength: 4 });
    const attributes = [
      { key: "a", value: { stringValue: "long text" } },
      { key: "b", value: { intValue: 1 } },
    ];
    expect(
      (await post(GOOD.replace('"name":"a"', `"attributes":${JSON.stringify(attributes)}`))).status,
    ).toBe(200);
    const batch = await spool.consumer("store").read();
    const spans = decodeTraces(batch?.records[0].body ?? Buffer.alloc(0));
    expect(spans.attributes.first[1]).toBe(1);
    expect(attributeText(spans.attributes, 0)).toBe("long");
    expect(await sum("tocsin_receive_cut_total")).toBe(2);
  });

  test("whose items are cut or invalid is named by its service once a minute", async () => {
    const clock = new ManualClock(1_790_000_000_000);
    const logged: object[] = [];
    const logger = {
      ...silentLogger,
      warn: (fields: object, message: string) => logged.push({ ...fields, message }),
    };
    const limited = new Intake({ spool, limits: { maxAttributes: 1 }, clock, logger });
    const attributes = [1, 2, 3].map((intValue) => ({ key: `k${intValue}`, value: { intValue } }));
    const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
    const spans = [
      { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", attributes },
      { name: "without ids" },
    ];
    const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
    for (let round = 0; round < 2; round++) {
      await limited.accept("otlp-http", "traces", otlpJsonToProtobuf("traces", body));
    }
    expect(logged).toEqual([]);
    await clock.advance(60_000);
    expect(logged).toEqual([
      {
        message: "parts of what was sent were left out in the last minute",
        cut: [
          { service: "shop", reason: "attributes", count: 4 },
          { service: "shop", reason: "invalid", count: 2 },
        ],
      },
    ]);
    expect(limited.cutItems()).toMatchObject([
      { reason: "invalid", count: 2 },
      { reason: "attributes", count: 4 },
    ]);
    limited.close();
  });

  test("that holds nothing is fine", async () => {
    expect((await post(Buffer.alloc(0))).status).toBe(200);
    expect((await post("{}", {}, "/v1/metrics")).status).toBe(200);
  });
});

describe("a request that is not taken", () => {
  test.each([
    { name: "not JSON", send: () => post("{"), status: 400, code: 3 },
    { name: "wrong JSON", send: () => post('{"resourceSpans":1}'), status: 400, code: 3 },
    { name: "broken gzip", send: () => post("{}", { "content-encoding": "gzip" }), status: 400, code: 3 },
    {
      name: "unknown media type",
      send: () => post("{}", { "content-type": "text/plain" }),
      status: 415,
      code: 3,
    },
    { name: "unknown encoding", send: () => post("{}", { "content-encoding": "br" }), status: 415, code: 3 },
    { name: "GET", send: () => fetch(`${url}/v1/traces`), status: 405, code: 12 },
    { name: "unknown path", send: () => post("{}", {}, "/v1/profiles"), status: 404, code: 5 },
  ])("$name: $status with a Status in JSON", async ({ send, status, code }) => {
    const response = await send();
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ code, message: expect.stringMatching(/\w/) });
    expect(response.headers.get("retry-after")).toBeNull();
  });

  test("gets a Status in protobuf when it was protobuf", async () => {
    const response = await post(Buffer.from([0x0a, 0x05]));
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/x-protobuf"]);
    const body = await bytesOf(response);
    expect([...body.subarray(0, 3)]).toEqual([8, 3, 18]);
    expect(body.toString("utf8", 5)).toMatch(/^The request is not valid OTLP protobuf/);
  });

  test("is 413 when it is too large, announced, chunked or only once unfolded", async () => {
    await start({ maxRequestBytes: 1_000 });
    const large = JSON.stringify({ x: "y".repeat(2_000) });
    expect((await post(large)).status).toBe(413);
    expect(
      (await post(gzipSync(large), { "content-encoding": "gzip", "content-type": "application/json" }))
        .status,
    ).toBe(413);
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(large));
        controller.close();
      },
    });
    const chunked = await fetch(`${url}/v1/traces`, {
      method: "POST",
      body: stream,
      duplex: "half",
      headers: { "content-type": "application/json" },
    } as RequestInit);
    expect(chunked.status).toBe(413);
  });

  test("is 400 when its values nest too deep, and counted as that", async () => {
    await start({ maxDepth: 3 });
    const nested = (depth: number): object =>
      depth === 1 ? { intValue: 1 } : { arrayValue: { values: [nested(depth - 1)] } };
    const request = (depth: number) =>
      GOOD.replace('"name":"a"', `"attributes":${JSON.stringify([{ key: "k", value: nested(depth) }])}`);
    expect((await post(request(3))).status).toBe(200);
    const response = await post(request(4));
    expect([response.status, await response.json()]).toEqual([
      400,
      { code: 3, message: "The request nests values more than 3 deep. Flatten them into attributes." },
    ]);
    expect(await registry.getSingleMetricAsString("tocsin_receive_refused_requests_total")).toContain(
      'reason="too_deep"} 1',
    );
  });

  test.each([
    {
      signal: "traces",
      request: () => PARTLY,
    },
    {
      signal: "metrics",
      request: () => {
        const dataPoints = [{ asInt: 1 }, { asInt: 2 }];
        return JSON.stringify({
          resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "m", gauge: { dataPoints } }] }] }],
        });
      },
    },
  ])("is 413 with too many items ($signal), and counted as that", async ({ signal, request }) => {
    await start({ maxItems: 1 });
    const response = await post(request(), {}, `/v1/${signal}`);
    expect([response.status, await response.json()]).toEqual([
      413,
      {
        code: 3,
        message:
          "The request has 2 spans, log records or data points, the limit is 1. Send smaller batches, or raise limits.max_items.",
      },
    ]);
    expect(await registry.getSingleMetricAsString("tocsin_receive_refused_requests_total")).toContain(
      'reason="too_many_items"} 1',
    );
    expect(await sum("tocsin_receive_received_items_total")).toBe(0);
    await start({ maxItems: 2 });
    expect((await post(request(), {}, `/v1/${signal}`)).status).toBe(200);
  });

  test("is 503 with Retry-After while the spool cannot take it, and taken again afterwards", async () => {
    let fault: CollectorError | undefined = new CollectorError("SPOOL_WRITE_FAILED", "no space", {
      retryable: true,
    });
    await start(
      { retryAfterSeconds: 7 },
      {},
      {
        append: (record) => (fault ? Promise.reject(fault) : spool.append(record)),
      },
    );
    const response = await post(GOOD);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "7"]);
    expect(await response.json()).toEqual({
      code: 14,
      message: "The collector cannot write to its disk. Send again later.",
    });
    fault = undefined;
    expect((await post(GOOD)).status).toBe(200);
    expect(await sum("tocsin_receive_received_items_total")).toBe(2);
    expect(await sum("tocsin_receive_accepted_items_total")).toBe(1);
    expect(await sum("tocsin_receive_failed_items_total")).toBe(1);
  });

  test("is 503 beyond the bytes in flight, 429 beyond one sender's share", async () => {
    await start({ maxInFlightBytes: 50 });
    expect((await post(GOOD)).status).toBe(503);
    await start({ maxInFlightBytesPerSender: 50 });
    const response = await post(GOOD);
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(intake.refusedSenders()).toMatchObject([
      { sender: "127.0.0.1", reason: "sender_overload", count: 1 },
    ]);
  });

  test("needs the right token when there are tokens", async () => {
    await start(
      {},
      {
        authorizer: {
          authorize: (header) =>
            header === "Bearer w"
              ? { allowed: true, identity: { name: "shop" } }
              : header === undefined
                ? { allowed: false, status: 401, message: "token wanted" }
                : { allowed: false, status: 403, message: "may not write" },
        },
      },
    );
    expect((await post(GOOD)).status).toBe(401);
    expect((await post(GOOD, { authorization: "Bearer r" })).status).toBe(403);
    expect((await post(GOOD, { authorization: "Bearer w" })).status).toBe(200);
  });
});

describe("under overload", () => {
  let holdUp: ReturnType<Backpressure["holdUp"]>;
  let relieve = (): void => {};
  const backpressure: Backpressure = {
    holdUp: () => holdUp,
    onRelief: (listener) => {
      relieve = listener;
      return () => {};
    },
  };

  test("a request waits for room before its body is read, and is taken when there is some", async () => {
    holdUp = "behind";
    await start({}, {}, spool, backpressure);
    const request = http.request(`${url}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": GOOD.length },
    });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      request.on("response", (response) => response.resume().on("end", () => resolve(response.statusCode)));
      request.on("error", reject);
    });
    request.flushHeaders();
    await until(async () => (await sum("tocsin_receive_waiting_requests")) === 1);
    expect(await sum("tocsin_receive_in_flight_bytes")).toBe(0);
    holdUp = undefined;
    relieve();
    request.end(GOOD);
    expect(await answered).toBe(200);
    expect(await sum("tocsin_receive_waiting_requests")).toBe(0);
  });

  test("who is refused for want of room is answered, then not read from for a second", async () => {
    holdUp = "spool_full";
    const clock = new ManualClock(0);
    await start({ maxWaiting: 0 }, {}, spool, backpressure, clock);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const send = (): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const request = http.request(`${url}/v1/traces`, {
          method: "POST",
          agent,
          headers: { "content-type": "application/json" },
        });
        request.on("response", (response) => response.resume().on("end", () => resolve(response.statusCode)));
        request.on("error", reject);
        request.end(GOOD);
      });
    expect(await send()).toBe(503);
    holdUp = undefined;
    let isAnswered = false;
    const second = send().then((status) => {
      isAnswered = true;
      return status;
    });
    // Another connection is served meanwhile, so the first one is held, not slow.
    expect((await post(GOOD)).status).toBe(200);
    expect(isAnswered).toBe(false);
    clock.advance(1_000);
    expect(await second).toBe(200);
    agent.destroy();
  });
});

const conformance =
  process.env.TOCSIN_CONFORMANCE ??
  join(dirname(fileURLToPath(import.meta.url)), "../../../../../shared/conformance");
const examples = await readdir(join(conformance, "otlp-json")).catch(() => []);

describe.skipIf(examples.length === 0)("the specification's examples", () => {
  test.each(examples)("%s is taken and read", async (file) => {
    const signal = file.startsWith("trace") ? "traces" : file.startsWith("metrics") ? "metrics" : "logs";
    const text = await readFile(join(conformance, "otlp-json", file), "utf8");
    const response = await post(text, {}, `/v1/${signal}`);
    expect([response.status, await response.json()]).toEqual([200, {}]);
    expect(await sum("tocsin_receive_accepted_items_total")).toBeGreaterThan(0);
  });
});

test("closing lets the request in flight finish and leaves no connection open", async () => {
  let release = (): void => {};
  const written = new Promise<void>((resolve) => {
    release = resolve;
  });
  let appending = (): void => {};
  const begun = new Promise<void>((resolve) => {
    appending = resolve;
  });
  await start(
    {},
    {},
    {
      append: async (record) => {
        appending();
        await written;
        return spool.append(record);
      },
    },
  );
  const answer = post(GOOD);
  await begun;
  const closed = receiver.close();
  release();
  expect((await answer).status).toBe(200);
  await closed;
});

test("a taken port is named with the cure", async () => {
  const blocker = http.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => blocker.once("listening", resolve));
  const { port } = blocker.address() as AddressInfo;
  const other = createOtlpHttpReceiver({ intake });
  await expect(other.listen({ host: "127.0.0.1", port })).rejects.toMatchObject({
    code: "RECEIVE_LISTEN_FAILED",
  });
  await new Promise((resolve) => blocker.close(resolve));
});
