// How many spans a standalone collector takes and stores: OTLP/HTTP in, rows in the embedded engine counted afterwards.
//
//   node bench/intake-store.mjs [--spans 1000000] [--concurrency 4]
//
// Needs a build and Linux (CPU is read from /proc). Prints one line of JSON; compare the figures per CPU second, which
// other work on the machine disturbs least.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { processUsage, traceTemplates } from "./lib/otlp-batches.mjs";

const { values } = parseArgs({
  options: { spans: { type: "string", default: "1000000" }, concurrency: { type: "string", default: "4" } },
});
const wanted = Number(values.spans);
const folder = mkdtempSync(join(tmpdir(), "tocsin-bench-"));
const bin = fileURLToPath(new URL("../packages/collector/bin/tocsin.js", import.meta.url));
const collector = spawn(
  process.execPath,
  [bin, "up", "--json", "--data", folder, "--otlp-http-port", "0", "--otlp-grpc-port", "0", "--port", "0"],
  { stdio: ["ignore", "pipe", "ignore"] },
);
try {
  const [line] = await once(collector.stdout, "data");
  const { url, otlpHttpPort } = JSON.parse(String(line).split("\n")[0]);
  const status = async () => (await fetch(`${url}/api/v1/status`)).json();
  const agent = new Agent({ keepAlive: true });
  const send = (body) =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          port: otlpHttpPort,
          host: "127.0.0.1",
          path: "/v1/traces",
          method: "POST",
          agent,
          headers: { "content-type": "application/x-protobuf", "content-length": body.length },
        },
        (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode));
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  const enginePid = (await status()).store.engine.pid;
  const before = [collector.pid, enginePid].map((pid) => processUsage(pid, readFileSync));
  let accepted = 0;
  let refused = 0;
  let peakRss = 0;
  const beganMs = performance.now();
  await Promise.all(
    Array.from({ length: Number(values.concurrency) }, async () => {
      const templates = traceTemplates(4, 512);
      for (let n = 0; accepted < wanted; n++) {
        const { body, size, renew } = templates[n % templates.length];
        renew(Date.now());
        const code = await send(body);
        if (code === 200) accepted += size;
        else {
          refused += 1;
          await new Promise((next) => setTimeout(next, 100));
        }
        peakRss = Math.max(peakRss, processUsage(collector.pid, readFileSync).rssBytes);
      }
    }),
  );
  const acceptedMs = performance.now() - beganMs;
  let table;
  do {
    await new Promise((next) => setTimeout(next, 100));
    table = (await status()).store.disk?.tables.find((one) => one.table === "otel_traces");
  } while ((table?.rows ?? 0) < accepted);
  const storedMs = performance.now() - beganMs;
  const after = [collector.pid, enginePid].map((pid) => processUsage(pid, readFileSync));
  const [collectorCpu, engineCpu] = after.map((usage, at) => usage.cpuSeconds - before[at].cpuSeconds);
  console.log(
    JSON.stringify({
      bench: "intake-store",
      spans: accepted,
      rowsStored: table.rows,
      refusedRequests: refused,
      acceptedPerSecond: Math.round(accepted / (acceptedMs / 1000)),
      storedPerSecond: Math.round(accepted / (storedMs / 1000)),
      spansPerCpuSecond: Math.round(accepted / (collectorCpu + engineCpu)),
      spansPerCollectorCpuSecond: Math.round(accepted / collectorCpu),
      spansPerEngineCpuSecond: Math.round(accepted / engineCpu),
      collectorPeakRssMiB: Math.round(peakRss / 2 ** 20),
      engineRssMiB: Math.round(after[1].rssBytes / 2 ** 20),
      bytesPerSpan: Math.round(table.bytes / table.rows),
    }),
  );
} finally {
  collector.kill("SIGTERM");
  if (collector.exitCode === null) await once(collector, "exit");
  rmSync(folder, { recursive: true, force: true });
}
