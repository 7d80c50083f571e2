import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pass } from "node:timers/promises";
import type { WebhookMessage } from "@tocsin/alerts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "./process.js";

/** The other side of the dead man's switches: it raises the alarm when it has not been called for so long. */
const PATIENCE_MS = 3_000;

let dir = "";
let collector: CollectorProcess;
let lastBeatMs = 0;
let beats = 0;
const watchdog: { status: string; atMs: number }[] = [];
const page: string[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  response.end();
  if (request.url === "/beat") {
    lastBeatMs = Date.now();
    beats++;
    return;
  }
  const { status } = JSON.parse(body) as WebhookMessage;
  if (request.url === "/watchdog") watchdog.push({ status, atMs: Date.now() });
  else page.push(status);
});
const isAlarmed = () => Date.now() - lastBeatMs > PATIENCE_MS;

const start = () =>
  startProcess({ args: ["--config", join(dir, "tocsin.yaml")], dataDir: join(dir, "data") });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-dead-man-"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await writeFile(
    join(dir, "rules.yml"),
    "groups: [{ name: g, interval: 1s, rules: [{ alert: Always, expr: vector(1) }] }]\n",
  );
  await writeFile(
    join(dir, "tocsin.yaml"),
    `store: none
rule_files: [rules.yml]
alerting:
  heartbeat: { url: "${url}/beat", interval: 500ms }
  watchdog: true
  route:
    receiver: page
    group_wait: 0s
    routes:
      - { matchers: [alertname="tocsin_watchdog"], receiver: watchdog, group_wait: 0s, group_interval: 1s, repeat_interval: 1s }
  receivers:
    - { name: page, webhook_configs: [{ url: "${url}/page" }] }
    - { name: watchdog, webhook_configs: [{ url: "${url}/watchdog" }] }
`,
  );
  collector = await start();
}, 60_000);

afterAll(async () => {
  await collector?.stop("SIGKILL");
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

const patience = { timeout: 60_000, interval: 50 };

test("heartbeat and watchdog are heard while all is well, and nobody else hears the watchdog", async () => {
  await expect.poll(() => watchdog.length, patience).toBeGreaterThan(3);
  expect(beats).toBeGreaterThan(4);
  expect(isAlarmed()).toBe(false);
  expect(new Set(watchdog.map(({ status }) => status))).toEqual(new Set(["firing"]));
  expect(page).toEqual(["firing"]);
});

test("a process that hangs is noticed, and one that goes on is heard again; its alerts never ended", async () => {
  collector.child.kill("SIGSTOP");
  await expect.poll(isAlarmed, patience).toBe(true);
  const heard = watchdog.length;
  collector.child.kill("SIGCONT");
  await expect.poll(isAlarmed, patience).toBe(false);
  await expect.poll(() => watchdog.length, patience).toBeGreaterThan(heard + 1);
  expect(page).toEqual(["firing"]);
});

test("a process that is killed is noticed, and heard again once it is back", async () => {
  await collector.stop("SIGKILL");
  await expect.poll(isAlarmed, patience).toBe(true);
  const heard = watchdog.length;
  collector = await start();
  await expect.poll(isAlarmed, patience).toBe(false);
  await expect.poll(() => watchdog.length, patience).toBeGreaterThan(heard + 1);
  expect(page).toEqual(["firing"]);
});

test("a process that ends in order stops calling too", async () => {
  await collector.stop();
  const before = beats;
  await pass(PATIENCE_MS / 2);
  expect(beats).toBe(before);
});
