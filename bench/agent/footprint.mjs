// What an agent costs before and beside the requests: start, memory, disk.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ask, helper, load, median, round, startService } from "./harness.mjs";

const MEGABYTE = 2 ** 20;

/**
 * Starts each variant several times, in turns, and gives medians: CPU until the service listens and two seconds on, when the
 * agent's thread has started and sent, and resident memory then and after a load.
 */
export async function footprint(names, { rounds, node, loadMs, connections }) {
  const downstream = await helper("downstream.mjs");
  const seen = Object.fromEntries(names.map((name) => [name, []]));
  for (let turn = 0; turn < rounds; turn++)
    for (const name of names) {
      const sink = await helper("sink.mjs");
      const { child, port, startCpuMs } = await startService(name, sink, downstream, node);
      await sleep(SETTLED_MS);
      const idle = await ask(child);
      await load(port, loadMs, connections);
      const loaded = await ask(child);
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      sink.child.disconnect();
      seen[name].push({
        startCpuMs,
        settledCpuMs: idle.cpuUs / 1000,
        idleMegabytes: idle.rssBytes / MEGABYTE,
        loadedMegabytes: loaded.rssBytes / MEGABYTE,
      });
    }
  downstream.child.disconnect();
  return Object.fromEntries(
    names.map((name) => [
      name,
      Object.fromEntries(
        Object.keys(seen[name][0]).map((key) => [key, round(median(seen[name].map((one) => one[key])))]),
      ),
    ]),
  );
}

/** Both threads have started, and the first metrics have gone out. */
const SETTLED_MS = 2000;

/** Megabytes on disk, and packages, of the agent as a service would install it. Asks the registry for its dependencies. */
export function installed() {
  const dir = mkdtempSync(join(tmpdir(), "tocsin-installed-"));
  try {
    const agent = fileURLToPath(new URL("../../packages/agent", import.meta.url));
    run("npm", ["pack", "--ignore-scripts", "--pack-destination", dir], agent);
    const [tarball] = readdirSync(dir);
    writeFileSync(join(dir, "package.json"), JSON.stringify({ private: true }));
    run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", `./${tarball}`], dir);
    const files = readdirSync(join(dir, "node_modules"), { recursive: true, encoding: "utf8" });
    const blocks = files.reduce((sum, file) => sum + statSync(join(dir, "node_modules", file)).blocks, 0);
    const packages = files.filter((file) => /(^|\/)(@[^/]+\/)?[^/@.]+\/package\.json$/.test(file)).length;
    return { megabytes: round((blocks * 512) / MEGABYTE), packages };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function run(command, args, cwd) {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${stderr}`);
}
