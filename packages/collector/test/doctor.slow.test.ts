// What `tocsin doctor` finds, each at a real collector with the real fault.
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, statfs, unlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { doctor } from "../src/cli/doctor.js";
import type { Finding } from "../src/cli/doctor-findings.js";
import { type CollectorProcess, startProcess } from "./process.js";
import { runCommand } from "./run-command.js";

let folder: string;
const running: CollectorProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-doctor-"));
});

afterEach(async () => {
  for (const collector of running.splice(0)) await collector.stop();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function start(config: object = {}, dataDir?: string): Promise<CollectorProcess> {
  const file = join(folder, "tocsin.yaml");
  await writeFile(file, JSON.stringify({ mode: "sidecar", ...config }));
  const collector = await startProcess({ args: ["--config", file], ...(dataDir && { dataDir }) });
  running.push(collector);
  return collector;
}

/** Runs the command; what it printed, and its exit code. */
async function examine(url: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, out, err } = await runCommand(doctor, ["--url", url, ...args]);
  return { code, text: out + err };
}

async function findings(url: string, ...args: string[]): Promise<Finding[]> {
  return JSON.parse((await examine(url, "--json", ...args)).text) as Finding[];
}

/** Everything that is not well. */
const faults = async (url: string, ...args: string[]) =>
  (await findings(url, ...args)).filter(({ level }) => level !== "ok");

function sendGrpc(port: number): Promise<void> {
  const same = (bytes: Buffer): Buffer => bytes;
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), new Metadata(), () => {
      client.close();
      resolve();
    });
  });
}

function sendHttp(port: number, body: object = {}, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json", "user-agent": "a-sender/1", ...headers },
    body: JSON.stringify(body),
  });
}

/** A request whose only span ended so long from now. */
function spanEndingIn(seconds: number, service: string): object {
  const nanos = `${Date.now() + seconds * 1_000}000000`;
  const ids = { traceId: "5b8efff798038103d269b633813fc60c", spanId: "eee19b7ec3c1b174" };
  const spans = [{ ...ids, name: "GET /", kind: 2, startTimeUnixNano: nanos, endTimeUnixNano: nanos }];
  const attributes = [{ key: "service.name", value: { stringValue: service } }];
  return { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] };
}

test("nothing is wrong with a new collector, and looking changes nothing", async () => {
  const collector = await start();
  for (let round = 0; round < 2; round++) {
    const { code, text } = await examine(collector.url);
    expect(code).toBe(0);
    expect(text.replace(/\d+(\.\d+)? (ms|GB|%)/g, "N $2")).toBe(
      [
        `✓ collector 0.1.0 (sidecar) at ${collector.url}, N ms`,
        `✓ OTLP/HTTP is received at http://localhost:${collector.otlpHttpPort}`,
        `✓ OTLP/gRPC is received at 127.0.0.1:${collector.otlpGrpcPort}`,
        `✓ ${collector.dataDir} is writable, N GB free (N %)`,
        "✓ clock skew N ms",
        "",
      ].join("\n"),
    );
  }
});

test("senders at the wrong port are named, with the right one", async () => {
  const { url, port, otlpHttpPort, otlpGrpcPort } = await start();
  await sendGrpc(otlpHttpPort);
  await sendHttp(otlpGrpcPort);
  await sendHttp(otlpGrpcPort);
  expect((await sendHttp(port)).status).toBe(404);
  const found = await faults(url);
  expect(found.map(({ level, text }) => [level, text.replace(/last \d+ s ago/, "last N s ago")])).toEqual([
    ["fault", "127.0.0.1 (a-sender/1) sends OTLP for /v1/traces to the page's port, once, last N s ago"],
    ["fault", "127.0.0.1 sends HTTP/1.1 to the gRPC port, 2 times, last N s ago"],
    ["fault", "127.0.0.1 sends gRPC to the OTLP/HTTP port, once, last N s ago"],
  ]);
  expect(found.map(({ fix }) => fix)).toEqual([
    `set TOCSIN_URL or OTEL_EXPORTER_OTLP_ENDPOINT there to http://localhost:${otlpHttpPort}`,
    `set OTEL_EXPORTER_OTLP_ENDPOINT there to http://localhost:${otlpHttpPort}, or OTEL_EXPORTER_OTLP_PROTOCOL to grpc`,
    `set OTEL_EXPORTER_OTLP_ENDPOINT there to http://127.0.0.1:${otlpGrpcPort}, or OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf`,
  ]);
  await sendGrpc(port);
  expect((await faults(url))[0]).toMatchObject({
    text: expect.stringMatching(/^127\.0\.0\.1 sends gRPC to the page's port, 2 times/),
    fix: `set TOCSIN_URL or OTEL_EXPORTER_OTLP_ENDPOINT there to http://127.0.0.1:${otlpGrpcPort}`,
  });
});

test("a sender without a token, and one whose token may not write, are named; the doctor needs one that reads", async () => {
  const tokens = [
    { name: "shop", token: "token-of-shop", can: ["write"] },
    { name: "ana", token: "token-of-ana", can: ["read"] },
  ];
  const { url, otlpHttpPort } = await start({ auth: { tokens } });
  await sendHttp(otlpHttpPort);
  await sendHttp(otlpHttpPort, {}, { authorization: "Bearer token-of-ana" });
  const found = await findings(url, "--token", "token-of-ana");
  expect(found[1]?.text).toBe(`OTLP/HTTP is received at http://localhost:${otlpHttpPort}, asks for a token`);
  expect(found.filter(({ level }) => level === "fault").map(({ fix }) => fix)).toEqual([
    "add write to the token's `can` under auth.tokens, or give the sender another token",
    "set OTEL_EXPORTER_OTLP_HEADERS there to authorization=Bearer%20TOKEN, with a token of auth.tokens",
  ]);
  const { code, text } = await examine(url);
  expect(code).toBe(1);
  expect(text).toContain("does not let us read");
  expect(text).toContain("fix: give a token that may read, with --token or TOCSIN_TOKEN");
});

test("a service whose items are cut, invalid or refused is named", async () => {
  const { url, otlpHttpPort } = await start({ limits: { max_attributes: 2, max_items: 2 } });
  const attributes = ["a", "b", "c"].map((key) => ({ key, value: { stringValue: key } }));
  const request = spanEndingIn(0, "wordy") as { resourceSpans: { scopeSpans: { spans: object[] }[] }[] };
  const spans = request.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
  Object.assign(spans[0] ?? {}, { attributes });
  spans.push({ name: "without ids" });
  expect((await sendHttp(otlpHttpPort, request)).status).toBe(200);
  spans.push({ name: "one too many" });
  expect((await sendHttp(otlpHttpPort, request)).status).toBe(413);
  const found = (await faults(url)).map(({ text }) => text.replace(/last \d+ s ago/, "last N s ago"));
  expect(found).toEqual([
    "127.0.0.1 is refused over otlp-http, once, last N s ago: The request has 3 spans, log records or data points, the limit is 2. Send smaller batches, or raise limits.max_items.",
    'service "wordy": invalid items left out: 1, last N s ago',
    'service "wordy": attributes dropped: 1, last N s ago',
  ]);
});

test("a service whose clock is wrong is named", async () => {
  const { url, otlpHttpPort } = await start();
  await sendHttp(otlpHttpPort, spanEndingIn(90, "fast"));
  await sendHttp(otlpHttpPort, spanEndingIn(-600, "slow"));
  await sendHttp(otlpHttpPort, spanEndingIn(-1, "right"));
  await expect.poll(async () => (await faults(url)).length).toBe(2);
  expect((await faults(url)).map(({ level, text }) => [level, text])).toEqual([
    ["warning", 'the clock of service "slow" is 600 s behind, or all it sends comes late'],
    ["warning", 'the clock of service "fast" is 90 s ahead'],
  ]);
  // A warning is not a fault.
  expect((await examine(url)).code).toBe(0);
});

describe("where no collector answers", () => {
  let other: Server;

  beforeAll(async () => {
    other = createServer((_request, response) => response.end("something else"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  });

  afterAll(() => {
    other.close();
  });

  const portOf = () => (other.address() as AddressInfo).port;

  test("nobody there: exit 3", async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(free.address() as AddressInfo).port}`;
    await new Promise((resolve) => free.close(resolve));
    const { code, text } = await examine(url);
    expect(code).toBe(3);
    expect(text).toMatch(
      new RegExp(`^✗ no collector answers at ${url}\n  fix: start one with \`tocsin up\``),
    );
  });

  test("the program that holds the port is named", async () => {
    const { code, text } = await examine(`http://127.0.0.1:${portOf()}`);
    expect(code).toBe(1);
    expect(text).toContain(
      `something else than this version of the collector answers at http://127.0.0.1:${portOf()}`,
    );
    const owner = process.platform === "linux" ? `.+ \\(pid ${process.pid}\\)` : ".+";
    expect(text).toMatch(new RegExp(`✗ port ${portOf()} \\(page and APIs\\) is taken by ${owner}`));
    expect(text).toContain("fix: end that program, or start the collector with --port N");
  });

  test("and by a collector that cannot have its port", async () => {
    const args = ["--otlp-http-port", String(portOf())];
    const failed = await startProcess({ args: ["--mode", "sidecar", ...args] }).catch(String);
    const owner = process.platform === "linux" ? `\\(pid ${process.pid}\\)` : "another process";
    expect(failed).toMatch(
      new RegExp(`Cannot listen on 127.0.0.1:${portOf()} for OTLP/HTTP: .*${owner} already listens there`),
    );
  });
});

const mount = (path: string, ...options: string[]) =>
  spawnSync("mount", ["-t", "tmpfs", "-o", options.join(","), "tmpfs", path]).status === 0;

describe("a disk", () => {
  test("that is nearly full, full, or not to be written is named, with what it means", async () => {
    const disk = join(folder, "disk");
    await mkdir(disk);
    if (!mount(disk, "size=2m")) {
      console.warn("Skipped: a small file system cannot be mounted here.");
      return;
    }
    try {
      const data = join(disk, "data");
      const { url } = await start({}, data);
      const { bavail, blocks, bsize } = await statfs(disk);
      await writeFile(join(disk, "ballast"), Buffer.alloc(Math.floor(bavail - 0.03 * blocks) * bsize));
      expect(await faults(url)).toMatchObject([
        {
          level: "warning",
          text: expect.stringMatching(/^the disk is nearly full: 0\.\d MB free \(\d\.\d %\) in .*\/data$/),
          fix: expect.stringContaining("free some space"),
        },
      ]);
      await writeFile(join(disk, "more"), Buffer.alloc(400_000)).catch(() => {});
      await expect
        .poll(async () => (await faults(url))[0], { timeout: 15_000, interval: 500 })
        .toMatchObject({
          level: "fault",
          text: expect.stringMatching(/^nothing can be written to .*\/data: ENOSPC/),
          fix: "free some space; senders are refused (503) until then, and taken again by itself",
        });
      await unlink(join(disk, "more"));
      await unlink(join(disk, "ballast"));
      await expect.poll(() => faults(url), { timeout: 15_000, interval: 500 }).toEqual([]);
    } finally {
      for (const collector of running.splice(0)) await collector.stop();
      spawnSync("umount", [disk]);
    }
  });
});
