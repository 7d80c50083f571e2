import { readdir, readFile, readlink } from "node:fs/promises";

/** State "listening" in /proc/net/tcp. */
const LISTENING = "0A";

/**
 * The program that listens on a port of this machine, such as `node server.js (pid 4127)`. Undefined where the system does
 * not tell: it is not Linux, or the program is another user's.
 */
export async function portOwner(port: number): Promise<string | undefined> {
  const sockets = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const lines = (await readFile(table, "utf8").catch(() => "")).split("\n").slice(1);
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      const localPort = Number.parseInt(fields[1]?.split(":")[1] ?? "", 16);
      if (localPort === port && fields[3] === LISTENING) sockets.add(`socket:[${fields[9]}]`);
    }
  }
  if (sockets.size === 0) return undefined;
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) if (await holdsOneOf(pid, sockets)) return `${await commandOf(pid)} (pid ${pid})`;
  return undefined;
}

async function holdsOneOf(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for (const fd of await readdir(folder).catch(() => [])) {
    if (sockets.has(await readlink(`${folder}/${fd}`).catch(() => ""))) return true;
  }
  return false;
}

/** Program and first argument, without their folders; further arguments may hold secrets. */
async function commandOf(pid: string): Promise<string> {
  const parts = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0").filter(Boolean);
  const [program = "a program", script] = parts.map((part) => part.slice(part.lastIndexOf("/") + 1));
  return script === undefined || script.startsWith("-") ? program : `${program} ${script}`;
}
