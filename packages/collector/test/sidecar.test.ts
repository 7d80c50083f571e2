import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decodeTraces, textAt } from "../src/otlp/index.js";
import { type CollectorProcess, startProcess } from "./process.js";

const SLO = "{ name: promise, service: shop, objective: 99%, window: 30d, sli: { type: availability } }";

let folder: string;
let sink: Server;
let sinkUrl: string;
let forwarded: string[];
let running: CollectorProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-sidecar-"));
  running = [];
  forwarded = [];
  sink = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const spans = decodeTraces(gunzipSync(Buffer.concat(chunks)));
    for (let row = 0; row < spans.rowCount; row++) {
      forwarded.push(textAt(spans.bytes, spans.nameStart[row], spans.nameEnd[row]));
    }
    response.writeHead(200).end();
  });
  await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
  sinkUrl = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const collector of running) await collector.stop();
  sink.close();
  await rm(folder, { recursive: true });
});

async function start(yaml = "", env: Record<string, string> = {}): Promise<CollectorProcess> {
  const file = join(folder, "tocsin.yaml");
  await writeFile(file, yaml);
  const args = ["--mode", "sidecar", "--forward", sinkUrl, "--config", file];
  const collector = await startProcess({ args, env });
  running.push(collector);
  return collector;
}

async function send({ otlpHttpPort }: CollectorProcess, name: string): Promise<void> {
  const startTimeUnixNano = String(BigInt(Date.now()) * 1_000_000n);
  const endTimeUnixNano = String(BigInt(Date.now() + 5) * 1_000_000n);
  const ids = { traceId: "5b8efff798038103d269b633813fc60c", spanId: "eee19b7ec3c1b174" };
  const span = { ...ids, name, kind: 2, startTimeUnixNano, endTimeUnixNano };
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  const response = await fetch(`http://127.0.0.1:${otlpHttpPort}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
  });
  expect(response.status).toBe(200);
}

async function until<T>(read: () => Promise<T> | T, isDone: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const get = async ({ url }: CollectorProcess, path: string) => (await fetch(`${url}${path}`)).json();

test("a sidecar counts, forwards, and loads nothing of what it does not start", async () => {
  const loaded = join(folder, "loaded");
  const recorder = new URL("./loaded-modules.mjs", import.meta.url).href;
  const sidecar = await start("redact: { drop_attributes: [secret] }\nsample: { traces: 1 }\n", {
    NODE_OPTIONS: `--import=${recorder}`,
    TOCSIN_LOADED_MODULES: loaded,
  });
  await send(sidecar, "GET /");
  await until(
    () => forwarded,
    (names) => names.includes("GET /"),
  );
  const services = await until(
    () => get(sidecar, "/api/v1/services") as Promise<{ service: string }[]>,
    (list) => list.length > 0,
  );
  expect(services[0]?.service).toBe("shop");
  for (const path of ["/api/v1/status", "/api/v1/deployments", "/api/v1/service-graph", "/metrics"]) {
    expect((await fetch(`${sidecar.url}${path}`)).status, path).toBe(200);
  }

  const modules = (await readFile(loaded, "utf8")).split("\n");
  const own = modules.filter((url) => url.includes("/packages/"));
  // The recorder works, and what it names is what this test thinks it is.
  for (const part of ["collector/dist/spool/spool.js", "collector/dist/signals/signals.js"]) {
    expect(own.filter((url) => url.endsWith(part))).toHaveLength(1);
  }
  const others = ["promql", "alerts", "dashboard", "agent"].map((name) => `/packages/${name}/`);
  expect(own.filter((url) => others.some((part) => url.includes(part)))).toEqual([]);
  // Of parts that are not started there are the schemas that their keys are checked with, and nothing else.
  const parts = /\/dist\/(alerting|slo|store|head|scrape|remote-write|metrics-engine|journal)\//;
  const schemas = /\/(config|relabel)\.js$/;
  expect(own.filter((url) => parts.test(url) && !schemas.test(url))).toEqual([]);
  expect(modules.filter((url) => /node_modules\/(@clickhouse|chdb|@prometheus-io)\//.test(url))).toEqual([]);
});

test("what a sidecar does not have is said, not served", async () => {
  const sidecar = await start();
  const hint = expect.stringContaining("This is a sidecar");
  const missing = ["/api/v1/slos", "/api/v1/traces", "/prometheus/api/v1/query", "/jaeger/api/services"];
  for (const path of missing) {
    const response = await fetch(`${sidecar.url}${path}`);
    expect(response.status, path).toBe(404);
    expect(await response.json()).toEqual({ error: hint });
  }
  expect(await (await fetch(`${sidecar.url}/`)).text()).toEqual(hint);
  expect(await get(sidecar, "/api/v1/openapi.json")).toMatchObject({ openapi: "3.1.0" });
});

test("a sidecar with an SLO has what SLOs need, and the page", async () => {
  const sidecar = await start(`slos: [${SLO}]\n`);
  expect(await get(sidecar, "/api/v1/slos")).toMatchObject([{ name: "promise" }]);
  expect(await get(sidecar, "/prometheus/api/v1/query?query=vector(1)")).toMatchObject({ status: "success" });
  await writeFile(join(folder, "tocsin.yaml"), "");
  expect((await fetch(`${sidecar.url}/api/v1/reload`, { method: "POST" })).status).toBe(200);
  expect(await get(sidecar, "/api/v1/slos")).toEqual([]);
});

test("a reload that asks for a part which was not started is refused with the cure", async () => {
  const sidecar = await start();
  await writeFile(join(folder, "tocsin.yaml"), `slos: [${SLO}]\n`);
  const response = await fetch(`${sidecar.url}/api/v1/reload`, { method: "POST" });
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({
    error:
      "The configuration now has SLOs, rules or alerts, which this sidecar was started without. Restart it; until then nothing is changed.",
  });
});

test("a sidecar that passes nothing on says so", async () => {
  const alone = await startProcess({ args: ["--mode", "sidecar"] });
  running.push(alone);
  expect(alone.log()).toContain("nothing is passed on: this sidecar only counts");
});
