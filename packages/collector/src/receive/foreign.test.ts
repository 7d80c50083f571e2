import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import protobuf from "protobufjs";
import snappy from "snappyjs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  attributeKey,
  attributeText,
  decodeLogs,
  decodeTraces,
  hexAt,
  nanosAt,
  textAt,
  valueText,
} from "../otlp/index.js";
import { Spool } from "../spool/index.js";
import { createOtlpHttpReceiver, type HttpReceiver } from "./http-server.js";
import { Intake } from "./intake.js";
import { lokiRoutes } from "./loki.js";
import { anyoneMayWrite } from "./sender.js";
import { zipkinRoutes } from "./zipkin.js";

let dir: string;
let spool: Spool;
let receiver: HttpReceiver;
let url: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-foreign-"));
  spool = await Spool.open({ dir, consumers: ["store"] });
  const intake = new Intake({ spool });
  const routers = [zipkinRoutes(intake, anyoneMayWrite), lokiRoutes(intake, anyoneMayWrite)];
  receiver = createOtlpHttpReceiver({ intake, routers });
  url = `http://127.0.0.1:${await receiver.listen({ host: "127.0.0.1", port: 0 })}`;
});

afterEach(async () => {
  await receiver.close();
  await spool.close();
  await rm(dir, { recursive: true, force: true });
});

function post(path: string, body: unknown, type = "application/json"): Promise<Response> {
  const content = body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body);
  return fetch(url + path, { method: "POST", body: content, headers: { "content-type": type } });
}

async function stored(): Promise<Buffer> {
  return (await spool.consumer("store").read())?.records[0].body ?? Buffer.alloc(0);
}

describe("Zipkin", () => {
  test("spans arrive with service, kind, times, tags, annotations and failure", async () => {
    const response = await post("/api/v2/spans", [
      {
        traceId: "5982fe77008310cc",
        id: "5982fe77008310cc",
        parentId: null,
        name: "get /pay",
        kind: "SERVER",
        timestamp: 1_790_000_000_123_456,
        duration: 1_500,
        localEndpoint: { serviceName: "checkout" },
        remoteEndpoint: { serviceName: "web", ipv4: "10.0.0.1", port: 80 },
        annotations: [{ timestamp: 1_790_000_000_123_457, value: "wire send" }],
        tags: { "http.status_code": "500", error: "boom" },
      },
    ]);
    expect(response.status).toBe(202);
    const spans = decodeTraces(await stored());
    expect(spans.resources[0].serviceName).toBe("checkout");
    expect(hexAt(spans.bytes, spans.traceId[0], 16)).toBe("00000000000000005982fe77008310cc");
    expect([spans.kind[0], spans.statusCode[0], spans.durationNanos[0]]).toEqual([2, 2, 1_500_000]);
    expect(nanosAt(spans.bytes, spans.startTime[0])).toBe(1_790_000_000_123_456_000n);
    const { attributes, events } = spans;
    expect(
      Array.from({ length: attributes.first[1] }, (_, index) => [
        attributeKey(attributes, index),
        attributeText(attributes, index),
      ]),
    ).toEqual([
      ["http.status_code", "500"],
      ["error", "boom"],
      ["peer.service", "web"],
      ["network.peer.address", "10.0.0.1"],
      ["network.peer.port", "80"],
    ]);
    expect(textAt(spans.bytes, events.nameStart[0], events.nameEnd[0])).toBe("wire send");
  });

  test.each([{ body: {} }, { body: [{ traceId: "xyz", id: "1" }] }])(
    "$body is a bad request",
    async ({ body }) => {
      const response = await post("/api/v2/spans", body);
      expect([response.status, await response.text()]).toEqual([
        400,
        expect.stringContaining("Not a list of Zipkin v2 spans"),
      ]);
    },
  );
});

describe("Loki", () => {
  function expectLine(logs: ReturnType<typeof decodeLogs>): void {
    expect(logs.rowCount).toBe(1);
    expect(logs.resources[0].serviceName).toBe("shop");
    expect(logs.resources[0].attributes).toContainEqual({ key: "pod", value: 'a"b' });
    expect(valueText(logs.bytes, logs.bodyKind[0], logs.bodyStart[0], logs.bodyEnd[0])).toBe("hello");
    expect(nanosAt(logs.bytes, logs.time[0])).toBe(1_790_000_000_000_000_001n);
    expect(logs.severityNumber[0]).toBe(13);
    expect(hexAt(logs.bytes, logs.traceId[0], 16)).toBe("0af7651916cd43dd8448eb211c80319c");
  }

  test("lines arrive from JSON", async () => {
    const metadata = { trace_id: "0af7651916cd43dd8448eb211c80319c", level: "warning" };
    const response = await post("/loki/api/v1/push", {
      streams: [
        { stream: { app: "shop", pod: 'a"b' }, values: [["1790000000000000001", "hello", metadata]] },
      ],
    });
    expect(response.status).toBe(204);
    expectLine(decodeLogs(await stored()));
  });

  test("lines arrive from snappy protobuf", async () => {
    const { root } = protobuf.parse(`syntax = "proto3";
      message Push { repeated Stream streams = 1; } message Stream { string labels = 1; repeated Entry entries = 2; }
      message Entry { Time timestamp = 1; string line = 2; repeated Pair metadata = 3; }
      message Time { int64 seconds = 1; int32 nanos = 2; } message Pair { string name = 1; string value = 2; }`);
    const type = root.lookupType("Push");
    const push = {
      streams: [
        {
          labels: '{app="shop", level="warn", pod="a\\"b"}',
          entries: [
            {
              timestamp: { seconds: 1_790_000_000, nanos: 1 },
              line: "hello",
              metadata: [{ name: "trace_id", value: "0af7651916cd43dd8448eb211c80319c" }],
            },
          ],
        },
      ],
    };
    const body = snappy.compress(Buffer.from(type.encode(type.fromObject(push)).finish()));
    expect((await post("/loki/api/v1/push", body, "application/x-protobuf")).status).toBe(204);
    expectLine(decodeLogs(await stored()));
  });

  test.each([
    { body: { streams: 1 }, type: "application/json" },
    { body: Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), type: "application/x-protobuf" },
    { body: Buffer.from(snappy.compress(Buffer.from([0x0a, 0x7f]))), type: "application/x-protobuf" },
  ])("a broken push is a bad request", async ({ body, type }) => {
    expect((await post("/loki/api/v1/push", body, type)).status).toBe(400);
  });
});
