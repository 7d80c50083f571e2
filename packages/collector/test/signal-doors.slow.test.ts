// What is scraped and what comes by remote write, as golden signals of a real collector.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Histogram } from "@tocsin/promql";
import { collectDefaultMetrics, Registry } from "prom-client";
import { compress } from "snappyjs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeWriteRequest } from "../src/remote-write/write-request-writer.js";
import { bucketIndex } from "../src/signals/exponential-histogram.js";
import { type CollectorProcess, startProcess } from "./process.js";

let dir: string;
let page: Server;
let collector: CollectorProcess;

beforeAll(async () => {
  const register = new Registry();
  collectDefaultMetrics({ register });
  page = createServer(async (_request, response) => {
    response.setHeader("content-type", register.contentType);
    response.end(await register.metrics());
  });
  await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
  dir = await mkdtemp(join(tmpdir(), "tocsin-doors-"));
  const file = join(dir, "tocsin.yaml");
  const target = `127.0.0.1:${(page.address() as AddressInfo).port}`;
  await writeFile(
    file,
    `scrape_configs: [{ job_name: checkout, scrape_interval: 1s, static_configs: [{ targets: ["${target}"] }] }]\n`,
  );
  collector = await startProcess({ args: ["--config", file] });
}, 60_000);

afterAll(async () => {
  await collector.stop();
  page.closeAllConnections();
  await new Promise((resolve) => page.close(resolve));
  await rm(dir, { recursive: true, force: true });
});

interface Service {
  readonly service: string;
  readonly requests: number;
  readonly errorRatio: number;
  readonly latencySeconds: { readonly p95: number };
  readonly latencyRelativeError: number;
  readonly saturation: { readonly parts: Readonly<Record<string, number>>; readonly instance: string | null };
}

/** `count` requests of 100 ms, in native buckets of scale 3, since the sender began. */
function sample(atMs: number, count: number, status: string) {
  const histogram: Histogram = {
    ...{ schema: 3, count, sum: count * 0.1, zeroThreshold: 0, zeroCount: 0, counterResetHint: "unknown" },
    positive: { offset: bucketIndex(0.1, 3) + 1, buckets: [count] },
    negative: { offset: 0, buckets: [] },
  };
  const labels = {
    ...{ __name__: "http_server_request_duration_seconds", job: "checkout", instance: "a:1" },
    ...{ http_request_method: "GET", http_route: "/cart", http_response_status_code: status },
  };
  return { labels, samples: [{ timeMs: atMs, value: histogram }] };
}

test("native histograms by remote write are requests, and a scraped page of prom-client tells how full the service is", async () => {
  for (let step = 0; step < 3; step++) {
    const atMs = Date.now() - (2 - step) * 1_000;
    const body = writeWriteRequest([sample(atMs, step * 90, "200"), sample(atMs, step * 10, "500")]);
    const headers = { "content-type": "application/x-protobuf", "content-encoding": "snappy" };
    const url = `${collector.url}/prometheus/api/v1/write`;
    const answer = await fetch(url, { method: "POST", headers, body: Buffer.from(compress(body)) });
    expect(answer.status).toBe(204);
  }
  const endMs = performance.now() + 30_000;
  for (;;) {
    const all = (await (await fetch(`${collector.url}/api/v1/services`)).json()) as Service[];
    const service = all.find((each) => each.service === "checkout");
    const parts = Object.keys(service?.saturation.parts ?? {});
    if (service && service.requests >= 200 && parts.includes("cpu")) {
      expect(service.requests).toBeCloseTo(200, 6);
      expect(service.errorRatio).toBeCloseTo(0.1, 6);
      expect(service.latencySeconds.p95 / 0.1).toBeCloseTo(1, 1);
      expect(service.latencyRelativeError).toBeLessThan(0.05);
      expect(parts.sort()).toEqual(["cpu", "event loop delay"]);
      expect(service.saturation.instance).toMatch(/^127\.0\.0\.1:\d+$/);
      return;
    }
    if (performance.now() > endMs) throw new Error(`seen: ${JSON.stringify(all)}\n${collector.log()}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}, 60_000);
