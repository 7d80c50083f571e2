// The two sides of the comparison, each behind the addresses that a user would use.
import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** Where people reach either side; the same for both, so that links in messages can be compared. */
const EXTERNAL_URL = "http://tocsin.example.org";
const EXTERNAL_LABELS = "external_labels: { cluster: eu, errors_of: all }";
const closing = [];

/** The first of the programs that is not there. */
export function missingProgram() {
  return ["prometheus", "prometheus-alertmanager"].find((program) => {
    try {
      execFileSync(program, ["--version"], { stdio: "ignore" });
      return false;
    } catch {
      return true;
    }
  });
}

/** @returns addresses of Prometheus's and of Alertmanager's API */
export async function startTheirs(dir, config) {
  const [alertmanagerPort, prometheusPort] = [await freePort(), await freePort()];
  writeFileSync(join(dir, "theirs.yml"), config);
  await start(
    "prometheus-alertmanager",
    [
      `--config.file=${join(dir, "theirs.yml")}`,
      `--storage.path=${join(dir, "alertmanager")}`,
      `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
      `--web.external-url=${EXTERNAL_URL}`,
      "--cluster.listen-address=",
      "--log.level=error",
    ],
    `http://127.0.0.1:${alertmanagerPort}/-/ready`,
  );
  writeFileSync(
    join(dir, "prometheus.yml"),
    `global: { evaluation_interval: 1s, ${EXTERNAL_LABELS} }
rule_files: [${join(dir, "rules.yml")}]
alerting: { alertmanagers: [{ static_configs: [{ targets: ["127.0.0.1:${alertmanagerPort}"] }] }] }
`,
  );
  await start(
    "prometheus",
    [
      `--config.file=${join(dir, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(dir, "prometheus")}`,
      `--web.listen-address=127.0.0.1:${prometheusPort}`,
      `--web.external-url=${EXTERNAL_URL}`,
      "--web.enable-remote-write-receiver",
      "--log.level=error",
    ],
    `http://127.0.0.1:${prometheusPort}/-/ready`,
  );
  return {
    prometheus: `http://127.0.0.1:${prometheusPort}`,
    alertmanager: `http://127.0.0.1:${alertmanagerPort}`,
  };
}

export async function startOurs(dir, config) {
  writeFileSync(join(dir, "ours.yml"), config);
  writeFileSync(
    join(dir, "tocsin.yaml"),
    `listen: { api: "127.0.0.1:0", otlp_http: "127.0.0.1:0", otlp_grpc: "127.0.0.1:0" }
store: none
external_url: ${EXTERNAL_URL}
${EXTERNAL_LABELS}
rule_files: [rules.yml]
alerting: { config_file: ours.yml }
`,
  );
  const command = fileURLToPath(new URL("../../bin/tocsin.js", import.meta.url));
  const args = [command, "up", "--json", "--config", join(dir, "tocsin.yaml"), "--data", join(dir, "tocsin")];
  const child = run(process.execPath, args, ["ignore", "pipe", "ignore"]);
  const line = await new Promise((resolve, reject) => {
    createInterface(child.stdout).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the collector ended with ${code}`)));
  });
  const url = JSON.parse(line).url.replace("localhost", "127.0.0.1");
  return { prometheus: `${url}/prometheus`, alertmanager: `${url}/alertmanager` };
}

/** A server that keeps every webhook it is sent, in order. */
export async function webhookReceiver() {
  const received = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({
      path: request.url,
      atMs: Date.now(),
      body: JSON.parse(Buffer.concat(chunks).toString()),
    });
    response.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, received };
}

/** Ends everything that was started, last first. */
export async function closeAll() {
  for (const close of closing.splice(0).reverse()) await close();
}

function run(program, args, stdio) {
  const child = spawn(program, args, { stdio });
  closing.push(async () => {
    if (child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  });
  return child;
}

async function start(program, args, readyUrl) {
  run(program, args, ["ignore", "ignore", "inherit"]);
  for (let attempt = 0; attempt < 200; attempt++) {
    const isReady = await fetch(readyUrl)
      .then(({ ok }) => ok)
      .catch(() => false);
    if (isReady) return;
    await sleep(50);
  }
  throw new Error(`${program} did not become ready on ${readyUrl}`);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
