// A real collector as a child process, and what it costs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { access, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const BIN = join(ROOT, "packages/collector/bin/tocsin.js");

/** The load generator stands beside the repository; where it does not, the benchmark says so and ends. */
export const LOAD_DIR = process.env.TOCSIN_OTLP_LOAD ?? join(ROOT, "../shared/tools/otlp-load");

export async function needLoadGenerator(bench) {
  try {
    await access(join(LOAD_DIR, "otlp-load.mjs"));
  } catch {
    console.log(JSON.stringify({ bench, skipped: `no load generator in ${LOAD_DIR}; set TOCSIN_OTLP_LOAD` }));
    process.exit(0);
  }
}

/** Starts `tocsin up` on free ports, in a directory of its own unless one is given, which then stays. */
export async function startCollector(args, folder) {
  const dir = folder ?? (await mkdtemp(join(tmpdir(), "tocsin-bench-")));
  const ports = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"];
  const startedMs = performance.now();
  const child = spawn(process.execPath, [BIN, "up", "--json", "--data", dir, ...ports, ...args], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  // A benchmark that fails leaves no collector behind.
  process.on("exit", () => child.kill("SIGKILL"));
  let bound;
  for await (const line of createInterface({ input: child.stdout })) {
    bound = JSON.parse(line);
    break;
  }
  return {
    ...bound,
    dir,
    pid: child.pid,
    readyMs: performance.now() - startedMs,
    async stop() {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
      if (folder === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Runs the load generator against a collector; its JSON result. */
export async function load(url, args, pid) {
  const watch = pid ? ["--pid", String(pid)] : [];
  const child = spawn(process.execPath, [join(LOAD_DIR, "otlp-load.mjs"), "--url", url, ...watch, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const chunks = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** An OTLP/HTTP endpoint that takes everything and counts the bytes; one far away answers `delayMs` after a request has come. */
export async function startSink({ delayMs = 0 } = {}) {
  const sink = { url: "", bytes: 0, requests: 0, close: () => server.close() };
  const server = createServer((request, response) => {
    request.on("data", (chunk) => {
      sink.bytes += chunk.length;
    });
    request.on("end", () => {
      sink.requests++;
      const answer = () => response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      if (delayMs > 0) setTimeout(answer, delayMs);
      else answer();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  sink.url = `http://127.0.0.1:${server.address().port}`;
  return sink;
}

/** Resident memory of a process, in bytes. */
export function rssBytes(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

/** CPU seconds that a process has used. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
