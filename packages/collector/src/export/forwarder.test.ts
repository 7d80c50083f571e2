import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { silentLogger, systemClock } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeTraces, otlpJsonToProtobuf, textAt } from "../otlp/index.js";
import { createOtlpGrpcReceiver, createOtlpHttpReceiver, Intake } from "../receive/index.js";
import { comparePositions, Spool } from "../spool/index.js";
import { createEndpoint } from "./create.js";
import type { Endpoint } from "./endpoint.js";
import { EndpointChooser } from "./endpoint-chooser.js";
import { Forwarder, type ForwarderOptions } from "./forwarder.js";
import { outcomeOfHttp, outcomeOfRpc } from "./outcome.js";

let dir: string;
let spool: Spool;
let registry: Registry;
const ends: (() => Promise<unknown> | unknown)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-forward-"));
  spool = await Spool.open({ dir: join(dir, "near"), consumers: ["forward"] });
  registry = new Registry();
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await spool.close();
  await rm(dir, { recursive: true, force: true });
});

function trace(name: string): Buffer {
  const span = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", name };
  return otlpJsonToProtobuf(
    "traces",
    JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
  );
}

async function append(...names: string[]): Promise<void> {
  await Promise.all(
    names.map((name) => spool.append({ signal: "traces", body: trace(name), receivedAtMs: 0 })),
  );
}

function forward(endpoints: readonly Endpoint[], options: Partial<ForwarderOptions> = {}): Forwarder {
  const forwarder = new Forwarder({
    name: "gateway",
    consumer: spool.consumer("forward"),
    endpoints,
    random: () => 0,
    registry,
    ...options,
  });
  ends.push(() => forwarder.close(0));
  return forwarder;
}

interface Seen {
  readonly path: string;
  readonly names: readonly string[];
}

/** A backend that answers as told and remembers what it took. */
async function backend(
  answer: (
    request: Seen,
    index: number,
  ) => { status: number; headers?: Record<string, string>; body?: Buffer },
): Promise<{ url: string; taken: Seen[]; tried: Seen[]; server: Server }> {
  const taken: Seen[] = [];
  const tried: Seen[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const columns = decodeTraces(gunzipSync(Buffer.concat(chunks)));
    const names = Array.from({ length: columns.rowCount }, (_, row) =>
      textAt(columns.bytes, columns.nameStart[row], columns.nameEnd[row]),
    );
    const seen = { path: request.url ?? "", names };
    const { status, headers = {}, body } = answer(seen, tried.push(seen) - 1);
    if (status < 300) taken.push(seen);
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, taken, tried, server };
}

/** Until the forwarder has committed everything; real sockets are at work, so the event loop is waited for, not time. */
async function untilSent(): Promise<void> {
  while (
    spool.status().consumers[0].lagBytes > 0 ||
    comparePositions(spool.consumer("forward").position, spool.end) < 0
  ) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Values of a counter by their reason, or under "" where there is none. */
async function valuesOf(name: string): Promise<Record<string, number>> {
  const metric = await registry.getSingleMetric(name)?.get();
  return Object.fromEntries(metric?.values.map(({ labels, value }) => [labels.reason ?? "", value]) ?? []);
}

async function counts(prefix: string, unit: string): Promise<Record<"read" | "sent" | "dropped", number>> {
  const sum = async (what: string) =>
    Object.values(await valuesOf(`${prefix}_${what}_${unit}_total`)).reduce(
      (total, value) => total + value,
      0,
    );
  return { read: await sum("read"), sent: await sum("sent"), dropped: await sum("dropped") };
}

describe("forwarding", () => {
  test.each(["http", "grpc"])(
    "over %s: everything arrives once at another collector, joined",
    async (protocol) => {
      const far = await Spool.open({ dir: join(dir, "far"), consumers: ["store"] });
      const intake = new Intake({ spool: far });
      const receiver =
        protocol === "grpc" ? createOtlpGrpcReceiver({ intake }) : createOtlpHttpReceiver({ intake });
      const port = await receiver.listen({ host: "127.0.0.1", port: 0 });
      ends.push(
        () => far.close(),
        () => receiver.close(),
      );
      const names = Array.from({ length: 50 }, (_, index) => `span ${index}`);
      await append(...names);
      forward([createEndpoint(`${protocol}://127.0.0.1:${port}`, systemClock)]);
      await untilSent();
      const batch = await far.consumer("store").read();
      expect(batch?.records).toHaveLength(1);
      const spans = decodeTraces(batch?.records[0].body ?? Buffer.alloc(0));
      expect(
        Array.from({ length: spans.rowCount }, (_, row) =>
          textAt(spans.bytes, spans.nameStart[row], spans.nameEnd[row]),
        ),
      ).toEqual(names);
    },
  );

  test("a bad request is dropped alone, its neighbours are not", async () => {
    const far = await backend(({ names }) => ({ status: names.includes("bad") ? 400 : 200 }));
    await append("a", "b", "bad", "c");
    forward([createEndpoint(far.url, systemClock)]);
    await untilSent();
    expect(far.taken.flatMap(({ names }) => names)).toEqual(["a", "b", "c"]);
    expect(await registry.getSingleMetricAsString("tocsin_export_dropped_records_total")).toContain(
      'tocsin_export_dropped_records_total{exporter="gateway",reason="refused"} 1',
    );
    expect(await registry.getSingleMetricAsString("tocsin_export_sent_records_total")).toContain(
      'tocsin_export_sent_records_total{exporter="gateway"} 3',
    );
  });

  test("every span is accounted for: sent, sampled away, refused with its request or rejected out of it", async () => {
    const far = await backend(({ names }) => {
      if (names.includes("bad")) return { status: 400 };
      // One of the spans taken is named in the partial success.
      return { status: 200, body: Buffer.from([10, 2, 8, 1]) };
    });
    await append("a", "sampled", "bad", "unreadable", "b");
    await spool.append({ signal: "samples", body: Buffer.alloc(1), receivedAtMs: 0 });
    forward([createEndpoint(far.url, systemClock)], {
      transform: (_signal, body) => {
        if (body.includes("unreadable")) throw new Error("cannot be rewritten");
        return body.includes("sampled") ? undefined : body;
      },
    });
    await untilSent();
    const items = await counts("tocsin_export", "items");
    expect(items.read).toBe(5);
    expect(items.sent + items.dropped).toBe(5);
    expect(await valuesOf("tocsin_export_dropped_items_total")).toMatchObject({
      sampled: 1,
      refused: 1,
      unreadable: 1,
      rejected: far.taken.length,
    });
    expect(await counts("tocsin_export", "records")).toEqual({ read: 6, sent: 2, dropped: 4 });
    expect(await valuesOf("tocsin_export_dropped_records_total")).toEqual({
      sampled: 1,
      refused: 1,
      unreadable: 1,
      not_otlp: 1,
    });
  });

  test("waits as long as the endpoint asks, be it hours, and then goes on", async () => {
    const clock = new ManualClock(1_790_000_000_000);
    let open = false;
    const far = await backend(() =>
      open ? { status: 200 } : { status: 503, headers: { "retry-after": "7200" } },
    );
    await append("a");
    const forwarder = forward([createEndpoint(far.url, clock)], { clock });
    while (forwarder.status().fault === undefined) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(7_199_000);
    open = true;
    expect(far.tried).toHaveLength(1);
    await clock.advance(1_001);
    await untilSent();
    expect(far.taken.map(({ names }) => names)).toEqual([["a"]]);
    expect(forwarder.status().fault).toBeUndefined();
  });

  test("another endpoint stands in while the first is away", async () => {
    const first = await backend(() => ({ status: 503 }));
    const second = await backend(() => ({ status: 200 }));
    await append("a");
    const forwarder = forward(
      [createEndpoint(first.url, systemClock), createEndpoint(second.url, systemClock)],
      {
        random: () => 1,
      },
    );
    await untilSent();
    expect([first.tried.length, second.taken.length]).toEqual([1, 1]);
    expect(forwarder.status()).toMatchObject({ endpoint: second.url, fault: undefined });
  });

  test("what was not sent at closing is sent by the next process", async () => {
    const far = await backend(() => ({ status: 503 }));
    await append("a");
    const forwarder = forward([createEndpoint(far.url, systemClock)], { random: () => 1 });
    while (forwarder.status().fault === undefined) await new Promise((resolve) => setImmediate(resolve));
    await forwarder.close();
    await spool.close();
    spool = await Spool.open({ dir: join(dir, "near"), consumers: ["forward"] });
    const good = await backend(() => ({ status: 200 }));
    forward([createEndpoint(good.url, systemClock)]);
    await untilSent();
    expect(good.taken.map(({ names }) => names)).toEqual([["a"]]);
  });

  test("a place that cannot be written holds nothing up and is logged once until it can be again", async () => {
    const far = await backend(() => ({ status: 200 }));
    const consumer = spool.consumer("forward");
    let isDiskFull = true;
    let tries = 0;
    const errors: object[] = [];
    const commit = consumer.commit.bind(consumer);
    consumer.commit = async (position) => {
      tries++;
      if (isDiskFull) throw new Error("ENOSPC: no space left on device");
      await commit(position);
    };
    forward([createEndpoint(far.url, systemClock)], {
      logger: {
        ...silentLogger,
        error: (fields: object, message: string) => errors.push({ ...fields, message }),
      },
    });
    const pass = async (name: string): Promise<void> => {
      const before = tries;
      await append(name);
      while (tries === before) await new Promise((resolve) => setImmediate(resolve));
    };
    const line = {
      consumer: "forward",
      error: "ENOSPC: no space left on device",
      message: "place in the spool could not be written",
    };
    await pass("a");
    await pass("b");
    expect(errors).toEqual([line]);
    isDiskFull = false;
    await pass("c");
    isDiskFull = true;
    await pass("d");
    expect(far.taken.flatMap(({ names }) => names)).toEqual(["a", "b", "c", "d"]);
    expect(errors).toEqual([line, line]);
  });

  test("closing sends what is there", async () => {
    const far = await backend(() => ({ status: 200 }));
    const forwarder = forward([createEndpoint(far.url, systemClock)]);
    await append("a", "b");
    await forwarder.close();
    expect(far.taken.flatMap(({ names }) => names)).toEqual(["a", "b"]);
  });
});

describe("a distant endpoint", () => {
  /** Answers when told; `underWay` has the names and the answer of each request that waits. */
  function distant() {
    const underWay: { readonly name: string; answer(): void }[] = [];
    const endpoint: Endpoint = {
      name: "distant",
      send: (signal, body) =>
        new Promise((resolve) => {
          const request = {
            name: signal === "traces" ? nameIn(body) : signal,
            answer() {
              underWay.splice(underWay.indexOf(request), 1);
              resolve({ kind: "sent", rejectedItems: 0, message: "" });
            },
          };
          underWay.push(request);
        }),
      close: () => {},
    };
    return { endpoint, underWay, names: () => underWay.map(({ name }) => name) };
  }

  const nameIn = (body: Buffer) => {
    const { bytes, nameStart, nameEnd } = decodeTraces(body);
    return textAt(bytes, nameStart[0], nameEnd[0]);
  };
  const lag = () => spool.status().consumers[0].lagBytes;
  /** Real files are at work, so what is to come is waited for; what is not to come gets some turns to come all the same. */
  const until = async (isDone: () => boolean) => {
    while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  test("has several requests under way while there is a backlog; the place moves on in order", async () => {
    for (const name of ["a", "b", "c", "d", "e", "f"]) await append(name);
    const whole = lag();
    const { endpoint, underWay, names } = distant();
    forward([endpoint], { maxRequestBytes: 1 });
    await until(() => underWay.length === 4);
    expect(names()).toEqual(["a", "b", "c", "d"]);
    underWay[1].answer();
    await until(() => underWay.length === 3);
    expect(lag()).toBe(whole);
    underWay[0].answer();
    await until(() => underWay.length === 4 && lag() < whole);
    expect(lag()).toBe((whole * 4) / 6);
    expect(names()).toEqual(["c", "d", "e", "f"]);
    while (underWay.length > 0) underWay[0].answer();
    await untilSent();
  });

  test("without a backlog gets one request after the other", async () => {
    await append("a");
    const { endpoint, underWay, names } = distant();
    forward([endpoint]);
    await until(() => underWay.length === 1);
    await append("b");
    await append("c");
    await until(() => true);
    expect(names()).toEqual(["a"]);
    underWay[0].answer();
    await until(() => underWay.length === 1);
    // One request with both, of which the first names it.
    expect(names()).toEqual(["b"]);
    underWay[0].answer();
    await untilSent();
    expect(underWay).toEqual([]);
  });

  test("gets metrics one after the other", async () => {
    for (const signal of ["metrics", "traces", "metrics", "logs"] as const) {
      await spool.append({
        signal,
        body: signal === "traces" ? trace("a") : Buffer.alloc(1),
        receivedAtMs: 0,
      });
    }
    const { endpoint, underWay, names } = distant();
    forward([endpoint], { maxRequestBytes: 1 });
    await until(() => underWay.length === 3);
    expect(names().toSorted()).toEqual(["a", "logs", "metrics"]);
    underWay.find(({ name }) => name === "metrics")?.answer();
    await until(() => underWay.length === 3);
    expect(names().toSorted()).toEqual(["a", "logs", "metrics"]);
    while (underWay.length > 0) underWay[0].answer();
    await untilSent();
  });
});

describe("outcomes", () => {
  test.each([
    { status: 200, retryAfter: undefined, want: { kind: "sent" } },
    { status: 429, retryAfter: "3", want: { kind: "retry", afterMs: 3_000 } },
    { status: 503, retryAfter: "Thu, 01 Jan 1970 00:00:10 GMT", want: { kind: "retry", afterMs: 6_000 } },
    { status: 502, retryAfter: undefined, want: { kind: "retry", afterMs: undefined } },
    { status: 401, retryAfter: undefined, want: { kind: "retry" } },
    { status: 400, retryAfter: undefined, want: { kind: "refused" } },
    { status: 413, retryAfter: undefined, want: { kind: "refused" } },
  ])("HTTP $status is $want.kind", ({ status, retryAfter, want }) => {
    expect(outcomeOfHttp(status, retryAfter, "", 4_000)).toMatchObject(want);
  });

  test.each([
    { code: 14, afterMs: undefined, want: "retry" },
    { code: 8, afterMs: undefined, want: "refused" },
    { code: 8, afterMs: 5_000, want: "retry" },
    { code: 3, afterMs: undefined, want: "refused" },
  ])("gRPC $code with RetryInfo $afterMs is $want", ({ code, afterMs, want }) => {
    expect(outcomeOfRpc(code, afterMs, "").kind).toBe(want);
  });
});

test("waits double, have full jitter, and never undercut Retry-After", () => {
  const endpoint = { name: "a" } as Endpoint;
  const waits = (random: number, retryAfterMs?: number): number[] => {
    const chooser = new EndpointChooser([endpoint], { maxBackoffMs: 8_000, random: () => random });
    let nowMs = 0;
    return Array.from({ length: 6 }, () => {
      const failedAtMs = nowMs;
      chooser.failed(endpoint, failedAtMs, retryAfterMs);
      const choice = chooser.choose(failedAtMs);
      if (choice.kind === "wait") nowMs = choice.untilMs;
      return nowMs - failedAtMs;
    });
  };
  expect(waits(1)).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  expect(waits(0.5)).toEqual([500, 1_000, 2_000, 4_000, 4_000, 4_000]);
  expect(waits(0, 3_600_000)[0]).toBe(3_600_000);
});

test("of requests that fail at once the first counts, and an answer to another does not end the wait", () => {
  const endpoint = { name: "a" } as Endpoint;
  const chooser = new EndpointChooser([endpoint], { maxBackoffMs: 8_000, random: () => 1 });
  chooser.failed(endpoint, 0, undefined);
  chooser.failed(endpoint, 0, undefined);
  chooser.worked(endpoint, 1);
  expect(chooser.choose(1)).toEqual({ kind: "wait", untilMs: 1_000 });
  chooser.failed(endpoint, 1, 5_000);
  expect(chooser.choose(1)).toEqual({ kind: "wait", untilMs: 5_001 });
  chooser.failed(endpoint, 5_001, undefined);
  expect(chooser.choose(5_001)).toEqual({ kind: "wait", untilMs: 7_001 });
});
