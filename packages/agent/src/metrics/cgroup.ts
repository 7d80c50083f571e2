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

/** The limits set by the container (cgroup v2, else v1), else those of the machine. */
export function readLimits(read: ReadText = readText): Limits {
  const machine = { cpus: availableParallelism(), memoryBytes: totalmem() };
  const cpus = quotaV2(read) ?? quotaV1(read);
  const memory =
    bytes(read("/sys/fs/cgroup/memory.max")) ?? bytes(read("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
  return {
    cpus: Math.min(machine.cpus, cpus ?? machine.cpus),
    memoryBytes: Math.min(machine.memoryBytes, memory ?? machine.memoryBytes),
  };
}

/** `cpu.max` holds "quota period" or "max period". */
function quotaV2(read: ReadText): number | undefined {
  const [quota, period] = read("/sys/fs/cgroup/cpu.max")?.trim().split(/\s+/).map(Number) ?? [];
  return ratio(quota, period);
}

function quotaV1(read: ReadText): number | undefined {
  const quota = Number(read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"));
  const period = Number(read("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
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

/** The text of a file of the machine; undefined where there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
