import { readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CollectorError } from "../errors.js";

/**
 * Holds a directory for this process, by a file that names it. A file that a killed process left behind is taken over:
 * a process is known by its id and, where the system tells, by when it began, so that an id used again is no owner.
 *
 * Processes that cannot see one another (two containers on one volume) are not kept apart by this.
 *
 * @returns how to let go of it
 * @throws {CollectorError} SPOOL_LOCKED while another process lives that holds it
 */
export async function lockDirectory(dir: string): Promise<() => Promise<void>> {
  const file = join(dir, "lock");
  const own = `${process.pid} ${(await beganAt(process.pid)) ?? "unknown"}`;
  for (;;) {
    try {
      await writeFile(file, own, { flag: "wx", mode: 0o600 });
      return () => unlink(file).catch(() => {});
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      // A disk that takes nothing is no reason not to start: the spool says it, and heals.
      if (code === "ENOSPC" || code === "EDQUOT" || code === "EROFS") return async () => {};
      if (code !== "EEXIST") throw error;
    }
    const [pid, began] = (await readFile(file, "utf8").catch(() => "")).split(" ");
    if (await isHolder(Number(pid), began)) {
      throw new CollectorError(
        "SPOOL_LOCKED",
        `Process ${pid} uses ${dir} already. Stop it, or give this collector a data directory of its own (--data).`,
      );
    }
    await unlink(file).catch(() => {});
  }
}

async function isHolder(pid: number, began: string | undefined): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  const now = await beganAt(pid);
  if (now === "ended") return false;
  if (now !== undefined) return began === undefined || began === "unknown" || began === now;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Ticks after boot at which a process began (field 22 of /proc/PID/stat); undefined where there is no such file, "ended"
 * for one that waits to be reaped.
 */
async function beganAt(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  const [state, ...fields] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return state === "Z" || state === "X" ? "ended" : fields[18];
}
