// The front of a collector, killed again and again while records come in.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Sender } from "./sender.mjs";

const CHILD = fileURLToPath(new URL("./spool-child.mjs", import.meta.url));

/** Half of the rounds under each durability. */
export async function killed({ dir, rounds, random }) {
  const outcomes = [];
  for (const [index, durability] of ["write", "fsync"].entries()) {
    const share = Math.floor((rounds + 1 - index) / 2);
    outcomes.push(await killRounds(join(dir, durability), durability, share, random));
  }
  const sum = (what) => outcomes.reduce((total, outcome) => total + outcome[what], 0);
  return {
    lost: sum("lost"),
    duplicated: sum("duplicated"),
    counts: { rounds, acknowledged: sum("acknowledged") },
  };
}

/** Sends log records without pause, kills the process at a random moment, starts it again on the same directory. */
async function killRounds(home, durability, rounds, random) {
  await mkdir(home, { recursive: true });
  const sender = new Sender();
  const acknowledged = new Set();
  let sent = 0;
  for (let round = 0; round < rounds; round++) {
    const { child, port } = await start(home, durability);
    let alive = true;
    const senders = Array.from({ length: 6 }, async () => {
      while (alive) {
        const names = Array.from({ length: 1 + Math.floor(random() * 20) }, () => `record ${sent++}`);
        if ((await sender.send(port, names)).status === 200) for (const name of names) acknowledged.add(name);
        else if (alive) await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await pause(20 + random() * 150);
    child.kill("SIGKILL");
    alive = false;
    await once(child, "exit");
    await Promise.all(senders);
  }
  const { child, port } = await start(home, durability);
  await sender.send(port, ["the end"]);
  const seen = await untilStored(join(home, "store.log"), "the end");
  child.kill("SIGKILL");
  await once(child, "exit");
  sender.close();
  return {
    acknowledged: acknowledged.size,
    lost: [...acknowledged].filter((name) => !seen.has(name)).length,
    duplicated: [...seen].filter(([, count]) => count > 1).length,
  };
}

async function start(home, durability) {
  const child = spawn(process.execPath, [CHILD, home, durability], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) return { child, port: Number(line) };
  throw new Error("the collector ended before it listened");
}

/** Names in the store and how often; a batch that was stored under a token before counts once, as an insert would. */
async function untilStored(file, last) {
  for (;;) {
    const byToken = new Map();
    for (const line of (await readFile(file, "utf8")).split("\n")) {
      const batch = parsed(line);
      if (batch) byToken.set(batch.token, batch.bodies);
    }
    const seen = new Map();
    for (const bodies of byToken.values())
      for (const name of bodies) seen.set(name, (seen.get(name) ?? 0) + 1);
    if (seen.has(last)) return seen;
    await pause(20);
  }
}

/** A line that was being written when the process died is not one; its batch was not committed. */
function parsed(line) {
  try {
    return line === "" ? undefined : JSON.parse(line);
  } catch {
    // The next process appends behind it, so a whole batch may stand at the end of the line.
    const start = line.lastIndexOf('{"token"');
    return start > 0 ? parsed(line.slice(start)) : undefined;
  }
}
