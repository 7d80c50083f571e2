import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CollectorError } from "../errors.js";
import { decodeLogs, otlpJsonToProtobuf } from "../otlp/index.js";
import { Spool } from "../spool/index.js";
import type { Backpressure } from "./admission.js";
import { type Appender, Intake, type IntakeDeps, type IntakeLimits } from "./intake.js";
import { createOtlpGrpcReceiver, type GrpcReceiver, type GrpcReceiverOptions } from "./otlp-grpc.js";

const LOGS = otlpJsonToProtobuf(
  "logs",
  JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: "hello" } }] }] }] }),
);
const LOGS_EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const TRACE_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

let dir: string;
let spool: Spool;
let receiver: GrpcReceiver;
let client: Client;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-otlp-grpc-"));
  spool = await Spool.open({ dir, consumers: ["store"] });
  await start();
});

afterEach(async () => {
  client.close();
  await receiver.close();
  await spool.close();
  await rm(dir, { recursive: true, force: true });
});

async function start(
  limits: Partial<IntakeLimits> = {},
  options: Partial<GrpcReceiverOptions> = {},
  appender: Appender = spool,
  deps: Partial<IntakeDeps> = {},
): Promise<void> {
  client?.close();
  await receiver?.close();
  receiver = createOtlpGrpcReceiver({ intake: new Intake({ spool: appender, limits, ...deps }), ...options });
  const port = await receiver.listen({ host: "127.0.0.1", port: 0 });
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.default_compression_algorithm": compressionAlgorithms.gzip,
  });
}

function send(body: Buffer, path = LOGS_EXPORT, metadata = new Metadata()): Promise<Buffer> {
  const asItIs = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, asItIs, asItIs, body, metadata, (error, answer) => {
      if (error) reject(error);
      else resolve(answer ?? Buffer.alloc(0));
    });
  });
}

async function refusalOf(sending: Promise<Buffer>): Promise<ServiceError> {
  return sending.then(
    () => expect.fail("it was taken"),
    (error: ServiceError) => error,
  );
}

describe("OTLP over gRPC", () => {
  test("takes a compressed request and answers when it is in the spool", async () => {
    expect(await send(LOGS)).toHaveLength(0);
    const batch = await spool.consumer("store").read();
    expect(batch?.records.map(({ signal, body }) => [signal, decodeLogs(body).rowCount])).toEqual([
      ["logs", 1],
    ]);
  });

  test("tells of rejected spans in the partial success", async () => {
    const spans = { resourceSpans: [{ scopeSpans: [{ spans: [{ name: "no ids" }] }] }] };
    const answer = await send(otlpJsonToProtobuf("traces", JSON.stringify(spans)), TRACE_EXPORT);
    expect(answer.toString("latin1")).toContain("a trace_id must be 16 bytes, not all zero");
  });

  test("refuses bytes that are not OTLP for good", async () => {
    const refusal = await refusalOf(send(Buffer.from([0x0a, 0x7f])));
    expect(refusal.code).toBe(status.INVALID_ARGUMENT);
    expect(refusal.metadata.get("grpc-status-details-bin")).toEqual([]);
  });

  test("refuses what is over the limit of a message", async () => {
    await start({ maxRequestBytes: 100 });
    expect((await refusalOf(send(Buffer.alloc(200)))).code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test("asks to come back, with RetryInfo, when the spool or the budget has no room", async () => {
    await start(
      { retryAfterSeconds: 9 },
      {},
      {
        append: () => Promise.reject(new CollectorError("SPOOL_FULL", "full", { retryable: true })),
      },
    );
    const full = await refusalOf(send(LOGS));
    expect(full.code).toBe(status.UNAVAILABLE);
    const [details] = full.metadata.get("grpc-status-details-bin");
    expect(details.toString("latin1")).toContain("type.googleapis.com/google.rpc.RetryInfo");
    expect(Buffer.from(details as Buffer).indexOf(Buffer.from([0x12, 4, 0x0a, 2, 8, 9]))).toBeGreaterThan(0);
    await start({ maxInFlightBytesPerSender: 5 });
    expect((await refusalOf(send(LOGS))).code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test("waits for room before a message is read, and is refused when there is none in time", async () => {
    let holdUp: ReturnType<Backpressure["holdUp"]> = "behind";
    let relieve = (): void => {};
    const backpressure: Backpressure = {
      holdUp: () => holdUp,
      onRelief: (listener) => {
        relieve = listener;
        return () => {};
      },
    };
    const clock = new ManualClock(0);
    const registry = new Registry();
    await start({}, {}, spool, { backpressure, clock, registry });
    const waiting = async (): Promise<number> =>
      (await registry.getSingleMetric("tocsin_receive_waiting_requests")?.get())?.values[0].value ?? 0;
    const untilWaiting = async (): Promise<void> => {
      while ((await waiting()) === 0) await new Promise((resolve) => setImmediate(resolve));
    };
    const taken = send(LOGS);
    await untilWaiting();
    holdUp = undefined;
    relieve();
    expect(await taken).toHaveLength(0);
    holdUp = "spool_full";
    const refused = refusalOf(send(LOGS));
    await untilWaiting();
    clock.advance(2_000);
    expect((await refused).code).toBe(status.UNAVAILABLE);
    const inFlight = await registry.getSingleMetric("tocsin_receive_in_flight_bytes")?.get();
    expect(inFlight?.values[0].value).toBe(0);
  });

  test("needs the right token when there are tokens", async () => {
    await start(
      {},
      {
        authorizer: {
          authorize: (header) =>
            header === "Bearer w"
              ? { allowed: true, identity: { name: "shop" } }
              : { allowed: false, status: 401, message: "token wanted" },
        },
      },
    );
    expect((await refusalOf(send(LOGS))).code).toBe(status.UNAUTHENTICATED);
    const metadata = new Metadata();
    metadata.set("authorization", "Bearer w");
    expect(await send(LOGS, LOGS_EXPORT, metadata)).toHaveLength(0);
  });

  test("names a taken port with the cure", async () => {
    const first = createOtlpGrpcReceiver({ intake: new Intake({ spool }) });
    const port = await first.listen({ host: "127.0.0.1", port: 0 });
    const other = createOtlpGrpcReceiver({ intake: new Intake({ spool }) });
    await expect(other.listen({ host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "RECEIVE_LISTEN_FAILED",
      message: expect.stringContaining("already listens there. Is a collector running?"),
    });
    await first.close();
  });
});
