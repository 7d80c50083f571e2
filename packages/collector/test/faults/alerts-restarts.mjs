// A real collector is killed while a rule waits for its `for`; the alert must fire when it would have without.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { kill, receiver, until } from "./alerts-kit.mjs";

const COMMAND = fileURLToPath(new URL("../../bin/tocsin.js", import.meta.url));
const INTERVAL_MS = 1_000;
const FOR_MS = 8_000;

export async function restartDrill(dir, rounds) {
  const faults = [];
  const lateMs = [];
  for (let round = 0; round < rounds; round++) {
    const late = await restartRound(join(dir, `restart-${round}`), 200 + ((round * 971) % 3_000));
    if (late === undefined) {
      faults.push(`restart ${round}: the alert was never told`);
      continue;
    }
    lateMs.push(late.ms);
    if (late.ms < 0 || late.ms > late.awayMs + INTERVAL_MS)
      faults.push(`restart ${round}: fired ${late.ms} ms after it was due, away for ${late.awayMs} of them`);
  }
  return { faults, lateMs };
}

/** @returns how many ms after it was due the alert fired, and how many of them the collector was not back yet: none on a machine that is not overloaded */
async function restartRound(folder, killAfterMs) {
  const hook = await receiver();
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "rules.yml"),
    `groups: [{ name: g, interval: ${INTERVAL_MS}ms, rules: [{ alert: Waits, expr: vector(1), for: ${FOR_MS}ms }] }]\n`,
  );
  writeFileSync(
    join(folder, "tocsin.yaml"),
    `store: none
rule_files: [rules.yml]
alerting: { route: { receiver: hook, group_wait: 0s }, receivers: [{ name: hook, webhook_configs: [{ url: "${hook.url}" }] }] }
`,
  );
  const first = await startCollector(folder);
  let activeAtMs;
  await until(async () => {
    const { data } = await (await fetch(`${first.url}/prometheus/api/v1/alerts`)).json();
    activeAtMs = data.alerts[0] && Date.parse(data.alerts[0].activeAt);
    return activeAtMs !== undefined;
  });
  await sleep(killAfterMs);
  await kill(first.child);
  const second = await startCollector(folder);
  const backAtMs = Date.now();
  const isTold = await until(() => hook.accepted.length > 0);
  await kill(second.child);
  await hook.close();
  if (!isTold) return undefined;
  const dueMs = activeAtMs + FOR_MS;
  return {
    ms: Date.parse(hook.accepted[0].alerts[0].startsAt) - dueMs,
    awayMs: Math.max(0, backAtMs - dueMs),
  };
}

async function startCollector(folder) {
  const ports = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"];
  const args = ["up", "--json", "--config", join(folder, "tocsin.yaml"), "--data", join(folder, "data")];
  const child = spawn(process.execPath, [COMMAND, ...args, ...ports], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = await once(createInterface(child.stdout), "line");
  return { child, url: JSON.parse(line).url };
}
