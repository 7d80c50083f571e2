import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { Destination, Note } from "./protocol.js";
import { Sender } from "./sender.js";

const servers: Server[] = [];
const senders: Sender[] = [];
afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.stop()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A collector that answers as told, and what it got. */
async function collector(answers: (attempt: number) => { status: number; headers?: Record<string, string> }) {
  const bodies: Buffer[] = [];
  let wake = (): void => {};
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      bodies.push(Buffer.concat(parts));
      const { status, headers } = answers(bodies.length);
      response.writeHead(status, headers).end();
      wake();
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const until = async (count: number): Promise<void> => {
    while (bodies.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, until };
}

function sender(
  url: string | undefined,
  limitBytes = 1 << 20,
  // Threads run built files only.
  workerUrl = new URL("../../dist/worker.cjs", import.meta.url),
): { sender: Sender; notes: Note[] } {
  const notes: Note[] = [];
  const destination: Destination | undefined =
    url === undefined
      ? undefined
      : { url: `${url}/v1/metrics`, headers: {}, timeoutMs: 5000, isGzip: false, tls: {} };
  const made = new Sender({
    destinations: { traces: undefined, logs: undefined, metrics: destination },
    resource: new Uint8Array(),
    logScope: new Uint8Array(),
    logLimits: { attributeCount: 128, attributeValueLength: Number.POSITIVE_INFINITY },
    redaction: { deny: [], allow: [] },
    limitBytes,
    note: (note) => notes.push(note),
    workerUrl,
  });
  senders.push(made);
  return { sender: made, notes };
}

const body = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(size).fill(7);

test("delivers what is posted and counts it", async () => {
  const { url, bodies, until } = await collector(() => ({ status: 200 }));
  const { sender: own } = sender(url);
  own.postMetrics(body(100), 3);
  await until(1);
  await own.flush(2000);
  expect(bodies[0]?.length).toBe(100);
  expect(own.shared.delivered("metrics")).toBe(3);
  expect(own.shared.pendingBytes).toBe(0);
});

test("tries again what may be taken later, not before Retry-After, and loses nothing", async () => {
  const { url, bodies, until } = await collector((attempt) =>
    attempt < 3 ? { status: 503, headers: { "retry-after": "0" } } : { status: 200 },
  );
  const { sender: own } = sender(url);
  own.postMetrics(body(10), 1);
  await until(3);
  await own.flush(2000);
  expect(new Set(bodies.map(({ length }) => length))).toEqual(new Set([10]));
  expect(own.shared.delivered("metrics")).toBe(1);
  expect(own.shared.droppedInAll()).toBe(0);
});

test("gives up at once what will never be taken, and says so", async () => {
  const { url, bodies, until } = await collector(() => ({ status: 400 }));
  const { sender: own, notes } = sender(url);
  own.postMetrics(body(10), 5);
  await until(1);
  own.flushSync(2000);
  expect(bodies.length).toBe(1);
  expect(own.shared.dropped("metrics", "rejected")).toBe(5);
  expect(notes).toContainEqual({ kind: "rejected", signal: "metrics", why: "answered 400", count: 5 });
});

test("keeps no more waiting than it may, and counts what is dropped", () => {
  const { sender: own, notes } = sender("http://127.0.0.1:9", 1000);
  for (let i = 0; i < 5; i++) own.postMetrics(body(400), 2);
  expect(notes).toContainEqual({ kind: "overflowed", signal: "metrics" });
  expect(own.shared.pendingBytes).toBe(800);
  expect(own.shared.dropped("metrics", "queue_full")).toBe(6);
});

test("starts its thread again after a crash; what it held is counted as lost", async () => {
  const { url, bodies, until } = await collector(() => ({ status: 200 }));
  const { sender: own, notes } = sender(url);
  own.postMetrics(body(10), 1);
  await until(1);
  await own.flush(2000);
  const { worker } = own as unknown as {
    worker: {
      postMessage(message: null): void;
      once: (event: string, listener: (code: number) => void) => void;
    };
  };
  const crashed = new Promise((resolve) => worker.once("exit", resolve));
  worker.postMessage(null);
  own.postMetrics(body(20), 4);
  await crashed;
  own.postMetrics(body(30), 1);
  await until(2);
  await own.flush(2000);
  expect(bodies.map(({ length }) => length)).toEqual([10, 30]);
  expect(own.shared.dropped("metrics", "worker_lost")).toBe(4);
  expect(notes).toContainEqual({
    kind: "crashed",
    signal: "traces",
    why: expect.stringContaining("Cannot read"),
    isLast: false,
  });
  expect(own.shared.delivered("metrics")).toBe(2);
  expect(own.shared.pendingBytes).toBe(0);
});

test("a thread that cannot be started is said once, and everything is counted as lost", () => {
  // Node starts no thread from the network.
  const { sender: own, notes } = sender("http://127.0.0.1:9", 1000, new URL("http://127.0.0.1:9/worker.cjs"));
  own.postMetrics(body(10), 3);
  own.postMetrics(body(10), 4);
  expect(notes).toEqual([
    { kind: "crashed", signal: "traces", why: expect.stringContaining("file"), isLast: true },
  ]);
  expect(own.shared.dropped("metrics", "worker_lost")).toBe(7);
});

test("its thread is there before there is anything to send where that is asked for", async () => {
  const { sender: early } = sender("http://127.0.0.1:9");
  await early.flush(15_000);
  expect(early.shared.flushed).toBe(0);
  early.start();
  await early.flush(15_000);
  expect(early.shared.flushed).toBe(1);
  const { sender: idle } = sender(undefined);
  idle.start();
  await idle.flush(15_000);
  expect(idle.shared.flushed).toBe(0);
});
