import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STALE } from "./data.mjs";

/** The version of the Prometheus server of that name, or undefined where there is none. */
export function prometheusVersion(binary = "prometheus") {
  try {
    const stdio = ["ignore", "pipe", "pipe"];
    return (
      /version ([\d.]+)/.exec(execFileSync(binary, ["--version"], { encoding: "utf8", stdio }))?.[1] ??
      "unknown"
    );
  } catch {
    return undefined;
  }
}

/**
 * Starts a Prometheus server of its own on a free loopback port, with the remote-write receiver on.
 *
 * @param config text of its `prometheus.yml`
 * @param args more flags
 */
export async function startPrometheus({ binary = "prometheus", config = "{}", args = [] } = {}) {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "tocsin-prometheus-"));
  writeFileSync(join(directory, "prometheus.yml"), config);
  const child = spawn(
    binary,
    [
      `--config.file=${join(directory, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(directory, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--web.enable-remote-write-receiver",
      "--log.level=error",
      ...args,
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const url = `http://127.0.0.1:${port}`;
  const close = async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (child.exitCode === null && child.kill("SIGTERM")) await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  for (let attempt = 0; attempt < 600; attempt++) {
    const isReady = await fetch(`${url}/-/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return { url, pid: child.pid, close };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await close();
  throw new Error(`${binary} did not become ready on ${url}`);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Sends samples by remote write, in order of time over all series, as its head wants them. */
export async function remoteWrite(url, series) {
  const all = series.flatMap(({ samples }, index) => samples.map(([t, v]) => ({ index, t, v })));
  all.sort((a, b) => a.t - b.t);
  for (let from = 0; from < all.length; from += 5000) {
    const bySeries = new Map();
    for (const sample of all.slice(from, from + 5000)) {
      const list = bySeries.get(sample.index) ?? [];
      list.push(sample);
      bySeries.set(sample.index, list);
    }
    const messages = [...bySeries].map(([index, samples]) =>
      field(1, timeSeries(series[index].labels, samples)),
    );
    const response = await fetch(`${url}/api/v1/write`, {
      method: "POST",
      headers: { "content-type": "application/x-protobuf", "content-encoding": "snappy" },
      body: snappyOfLiterals(Buffer.concat(messages)),
    });
    if (!response.ok) throw new Error(`remote write: ${response.status} ${await response.text()}`);
  }
}

function timeSeries(labels, samples) {
  const names = Object.keys(labels).sort();
  const pairs = names.map((name) => field(1, Buffer.concat([text(1, name), text(2, labels[name])])));
  const points = samples.map(({ t, v }) => {
    const value = Buffer.alloc(9);
    value[0] = (1 << 3) | 1;
    if (v === STALE) value.writeBigUInt64LE(0x7ff0000000000002n, 1);
    else value.writeDoubleLE(v, 1);
    return field(2, Buffer.concat([value, Buffer.from([2 << 3]), varint(t)]));
  });
  return Buffer.concat([...pairs, ...points]);
}

function field(number, body) {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(body.length), body]);
}

function text(number, value) {
  return field(number, Buffer.from(value));
}

function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  while (rest >= 0x80n) {
    bytes.push(Number((rest & 0x7fn) | 0x80n));
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** Snappy's block format with nothing compressed: valid, and all that a test needs. */
function snappyOfLiterals(body) {
  const parts = [varint(body.length)];
  for (let from = 0; from < body.length; from += 65_536) {
    const chunk = body.subarray(from, from + 65_536);
    const length = Buffer.alloc(3);
    length[0] = 61 << 2;
    length.writeUInt16LE(chunk.length - 1, 1);
    parts.push(length, chunk);
  }
  return Buffer.concat(parts);
}
