// The clock is set by two hours while one alert fires and another is pending, in a running process and over a restart. The same
// alerts must be told as without it: each once as firing, not before its time, none as ended before its end.
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { kill, receiver, startChild, until } from "./alerts-kit.mjs";

const TWO_HOURS_MS = 7_200_000;
const FOR_MS = 3_000;
const JUMPS = [
  { name: "no jump", offsetMs: 0 },
  { name: "two hours forward", offsetMs: TWO_HOURS_MS },
  { name: "two hours back", offsetMs: -TWO_HOURS_MS },
  { name: "a restart", offsetMs: 0, isRestart: true },
  { name: "two hours forward over a restart", offsetMs: TWO_HOURS_MS, isRestart: true },
  { name: "two hours back over a restart", offsetMs: -TWO_HOURS_MS, isRestart: true },
];

export async function clockDrill(dir) {
  const results = await Promise.all(
    JUMPS.map((jump, index) => jumpRun(join(dir, `clock-${index}.log`), jump)),
  );
  return { faults: results.flat(), runs: JUMPS.length };
}

async function jumpRun(journal, { name, offsetMs, isRestart }) {
  const hook = await receiver();
  const options = { journal, receivers: { hook: hook.url }, script: "clock" };
  const told = (alert) =>
    hook.accepted.flatMap(({ alerts, atMs }) =>
      alerts.filter(({ labels }) => labels.alertname === alert).map(({ status }) => ({ status, atMs })),
    );
  const faults = [];
  let child = startChild(options);
  await once(child, "message");
  const startedMs = Date.now();
  await until(() => told("steady").length > 0);
  await sleep(startedMs + FOR_MS / 2 - Date.now());
  if (isRestart) {
    await kill(child);
    child = startChild({ ...options, offsetMs });
    await once(child, "message");
  } else child.send({ offsetMs });
  const jumpedMs = Date.now();
  if (!(await until(() => told("slow").length > 0, 10_000)))
    faults.push(`${name}: the pending alert was never told`);
  // What the clock was set by counts for nothing: it fires when it was due, or anew when nobody knows how long it was unseen.
  const [slow] = told("slow");
  const dueMs = startedMs + FOR_MS;
  const latestMs = Math.max(dueMs, jumpedMs + FOR_MS) + 2_000;
  if (slow && (slow.atMs < dueMs - 500 || slow.atMs > latestMs))
    faults.push(
      `${name}: a pending alert was told ${slow.atMs - startedMs} ms after its start, for: ${FOR_MS} ms`,
    );
  child.send({ active: [] });
  await until(() => ["steady", "slow"].every((alert) => told(alert).at(-1)?.status === "resolved"), 10_000);
  await kill(child);
  await hook.close();
  for (const alert of ["steady", "slow"]) {
    // After a clock was set back a repeat may come early, as what was told lies in the future.
    const statuses = told(alert).map(({ status }) => status);
    const story = statuses.filter((status, at) => status !== statuses[at - 1]).join(" ");
    if (story !== "firing resolved") faults.push(`${name}: ${alert} was told as ${story || "nothing"}`);
    if (statuses.length > (offsetMs < 0 ? 3 : 2))
      faults.push(`${name}: ${alert} was told ${statuses.length} times`);
  }
  return faults;
}
