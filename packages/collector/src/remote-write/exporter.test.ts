import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatLabels, silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import snappy from "snappyjs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { metricsBody } from "../../test/otlp-data.js";
import { HeadConfig } from "../head/index.js";
import { Spool } from "../spool/index.js";
import { RemoteWriteConfigs } from "./config.js";
import { RemoteWriteExporter } from "./exporter.js";
import { readLabels, readWriteRequest } from "./write-request.js";
import { writeWriteRequest } from "./write-request-writer.js";

const NOW = 1_790_000_000_000;
const clock = new ManualClock(NOW);
let dir = "";
let server: Server;
let url = "";
let statuses: number[] = [];
let received: string[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-rw-"));
  statuses = [];
  received = [];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const status = statuses.shift() ?? 204;
    if (status === 204) {
      expect(request.headers).toMatchObject({ "content-encoding": "snappy", authorization: "Basic YTpi" });
      received.push(...linesOf(snappy.uncompress(Buffer.concat(chunks))));
    }
    response.writeHead(status).end("words");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/push`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

function linesOf(body: Buffer): string[] {
  const lines: string[] = [];
  let labels = "";
  readWriteRequest(body, {
    series: (bytes) => {
      labels = formatLabels(readLabels(bytes));
    },
    sample: (timeMs, value, isStale) => lines.push(`${labels} ${isStale ? "stale" : value} @${timeMs - NOW}`),
    histogram: () => undefined,
    exemplar: () => undefined,
    metadata: () => undefined,
  });
  return lines;
}

async function open(registry = new Registry()) {
  const spool = await Spool.open({ dir, consumers: ["rw"], clock });
  const [target] = RemoteWriteConfigs.parse([
    {
      url,
      basic_auth: { username: "a", password: "b" },
      write_relabel_configs: [
        { source_labels: ["__name__"], regex: "secret.*", action: "drop" },
        { target_label: "cluster", replacement: "c1" },
      ],
      max_samples_per_send: 2,
    },
  ]);
  const exporter = new RemoteWriteExporter(
    { target, head: HeadConfig.parse({}) },
    { consumer: spool.consumer("rw"), clock, logger: silentLogger, registry, fetch },
  );
  exporter.start();
  const close = async () => {
    await exporter.close();
    await spool.close();
  };
  return { spool, close };
}

const samples = (name: string, value: number, timeMs = NOW) => ({
  signal: "samples" as const,
  receivedAtMs: NOW,
  body: writeWriteRequest([{ labels: { __name__: name }, samples: [{ timeMs, value }] }]),
});

const delta = (value: number, timeMs: number) => ({
  signal: "metrics" as const,
  receivedAtMs: NOW,
  body: metricsBody({}, [{ name: "orders", kind: "sum", temporality: "delta", points: [{ timeMs, value }] }]),
});

test("sends samples and OTLP metrics, relabelled, once each", async () => {
  const { spool, close } = await open();
  await spool.append(samples("m", 1));
  await spool.append(samples("secret", 1));
  await spool.append(delta(2, NOW - 1_000));
  await spool.append(delta(3, NOW));
  await expect.poll(() => received.length).toBe(3);
  expect(received.sort()).toEqual([
    'm{cluster="c1"} 1 @0',
    'orders_total{cluster="c1", job="unknown_service", otel_scope_name="test"} 2 @-1000',
    'orders_total{cluster="c1", job="unknown_service", otel_scope_name="test"} 5 @0',
  ]);
  await close();
});

test("tries again while the server is away, and goes on where it was after a restart", async () => {
  statuses = [503, 429, 503];
  const first = await open();
  await first.spool.append(samples("m", 1));
  await expect.poll(() => statuses.length).toBe(2);
  await clock.advance(500);
  await expect.poll(() => statuses.length).toBe(1);
  await first.close();
  statuses = [];
  const second = await open();
  await expect.poll(() => received).toEqual(['m{cluster="c1"} 1 @0']);
  await second.close();
  const third = await open();
  await third.spool.append(samples("m", 2, NOW + 1));
  await expect.poll(() => received).toEqual(['m{cluster="c1"} 1 @0', 'm{cluster="c1"} 2 @1']);
  await third.close();
});

test("goes on where its place in the spool cannot be written", async () => {
  const { spool, close } = await open();
  spool.consumer("rw").commit = () => Promise.reject(new Error("EIO: i/o error"));
  await spool.append(samples("m", 1));
  await expect.poll(() => received).toEqual(['m{cluster="c1"} 1 @0']);
  await spool.append(samples("m", 2, NOW + 1));
  await expect.poll(() => received).toEqual(['m{cluster="c1"} 1 @0', 'm{cluster="c1"} 2 @1']);
  await close();
});

test("what the server calls wrong is left out and counted", async () => {
  statuses = [400];
  const registry = new Registry();
  const { spool, close } = await open(registry);
  await spool.append(samples("bad", 1));
  await expect.poll(() => statuses.length).toBe(0);
  await spool.append(samples("good", 1));
  await expect.poll(() => received).toEqual(['good{cluster="c1"} 1 @0']);
  expect(await registry.getSingleMetricAsString("tocsin_remote_write_dropped_samples_total")).toContain(
    'reason="refused"} 1',
  );
  await close();
});
