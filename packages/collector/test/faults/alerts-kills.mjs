// A process with a firing alert is killed at every step between fire and sent, while a receiver misbehaves. After the restart
// everybody must have been told, under the one id that the notification got when it was written down.
import { once } from "node:events";
import { join } from "node:path";
import { BEHAVIOURS, hasEnded, kill, receiver, startChild, until } from "./alerts-kit.mjs";

/** Writes of one firing: the state, two notifications queued, two sent; a kill before and after each. */
const WRITES = 10;
/** And: when the receiver has the request, and when it has answered. */
const STEPS = WRITES + 2;

/** @returns what went wrong, as sentences, and how many were told more than once */
export async function killDrill(dir, rounds) {
  const faults = [];
  let repeated = 0;
  for (let round = 0; round < rounds; round++) {
    // Both numbers go through all their values, in every combination.
    const result = await killRound(dir, round, BEHAVIOURS[round % BEHAVIOURS.length], (round * 5) % STEPS);
    faults.push(...result.faults);
    repeated += result.repeated;
  }
  return { faults, repeated };
}

async function killRound(dir, round, behaviour, step) {
  let first;
  const die = () => void first.kill("SIGKILL");
  const behaviours = behaviour === "ok" ? [] : [behaviour, behaviour];
  const hook = await receiver(behaviours, {
    onRequest: (count) => step === WRITES && count === 1 && die(),
    onAnswer: () => step === WRITES + 1 && die(),
  });
  const other = await receiver();
  const options = {
    journal: join(dir, `kill-${round}.log`),
    receivers: { hook: hook.url, other: other.url },
    script: "kill",
  };
  first = startChild({ ...options, crashAt: step < WRITES ? step + 1 : 0 });
  // A step that is never reached, such as an answer of a receiver that gives none: it is killed wherever it is then.
  const timer = setTimeout(die, 1_500);
  if (!hasEnded(first)) await once(first, "exit");
  clearTimeout(timer);
  const second = startChild(options);
  // How long a busy machine takes to start a process is not what is looked at.
  await once(second, "message");
  const isTold = await until(() => hook.accepted.length > 0 && other.accepted.length > 0);
  await kill(second);
  await Promise.all([hook.close(), other.close()]);
  const name = `round ${round} (${behaviour}, killed at step ${step})`;
  const faults = [];
  if (!isTold)
    faults.push(`${name}: lost; hook took ${hook.accepted.length}, other ${other.accepted.length}`);
  for (const { seen } of [hook, other]) {
    const ids = new Set(seen.map(({ id }) => id));
    if (ids.size > 1) faults.push(`${name}: one notification was sent under ${ids.size} ids`);
  }
  return {
    faults,
    repeated: Number(hook.accepted.length > 1) + Number(other.accepted.length > 1),
  };
}
