import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";

/** What this process may use at most. */
export interface Limits {
  /** CPUs, e.g. 0.5 for half of one. */
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** Reads a file, or says that there is none. */
export type ReadText = (path: string) => string | undefined;

/** The limits set by the container or service manager (cgroup v2, else v1), else those of the machine. */
export function readLimits(read: ReadText = readText): Limits {
  const quotas = [
    ...cgroupFolders(read, "").map((folder) => quotaV2(read(`${folder}/cpu.max`))),
    ...cgroupFolders(read, "cpu").map((folder) =>
      ratio(Number(read(`${folder}/cpu.cfs_quota_us`)), Number(read(`${folder}/cpu.cfs_period_us`))),
    ),
  ];
  const sizes = [
    ...cgroupFolders(read, "").map((folder) => bytes(read(`${folder}/memory.max`))),
    ...cgroupFolders(read, "memory").map((folder) => bytes(read(`${folder}/memory.limit_in_bytes`))),
  ];
  return {
    cpus: least(availableParallelism(), quotas),
    memoryBytes: least(totalmem(), sizes),
  };
}

/**
 * Folders in which this process's cgroup and those around it are described, the innermost first. A container sees its own
 * as the root; a process of the machine itself is found by `/proc/self/cgroup`.
 *
 * @param controller of cgroup v1, such as `cpu`; "" for v2, which has one tree for all
 */
export function cgroupFolders(read: ReadText, controller: string): string[] {
  const folders: string[] = [];
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined || !(controllers ?? "").split(",").includes(controller)) continue;
    const parts = path.split("/").filter((part) => part !== "");
    for (let depth = parts.length; depth > 0; depth--) {
      for (const root of rootsOf(controller)) folders.push(`${root}/${parts.slice(0, depth).join("/")}`);
    }
  }
  return [...folders, ...rootsOf(controller)];
}

/** The text of a file of the machine; undefined where there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Where a controller is mounted; v1 has `cpu` together with the one that counts, under both their names. */
function rootsOf(controller: string): readonly string[] {
  if (controller === "") return ["/sys/fs/cgroup"];
  return controller === "cpu"
    ? ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"]
    : [`/sys/fs/cgroup/${controller}`];
}

/** `cpu.max` holds "quota period" or "max period". */
function quotaV2(text: string | undefined): number | undefined {
  const [quota, period] = text?.trim().split(/\s+/).map(Number) ?? [];
  return ratio(quota, period);
}

function ratio(quota: number | undefined, period: number | undefined): number | undefined {
  if (quota === undefined || period === undefined || !(quota > 0) || !(period > 0)) return undefined;
  return quota / period;
}

/** "max" and the huge number that v1 has for it are no limits. */
function bytes(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Number(text.trim());
  return value > 0 && value < 2 ** 60 ? value : undefined;
}

/** A limit holds for everything inside it, so the narrowest one counts. */
function least(machine: number, limits: readonly (number | undefined)[]): number {
  return Math.min(machine, ...limits.filter((limit) => limit !== undefined));
}
