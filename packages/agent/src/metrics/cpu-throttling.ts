import { cgroupFolders, type ReadText, readText } from "./cgroup.js";

/** How often the container's CPU quota held this process's cgroup back; counters since the cgroup began. */
export interface CpuThrottling {
  /** Periods of the quota (100 ms as a rule) in which anything wanted to run. */
  readonly periods: number;
  /** Those in which the quota was used up before the period was over. */
  readonly throttledPeriods: number;
  /** Time that CPUs stood still for it, added up over all of them. */
  readonly throttledSeconds: number;
}

/**
 * Reads `cpu.stat` of cgroup v2 (`throttled_usec`), else of v1 (`throttled_time`, nanoseconds).
 *
 * @returns undefined without a quota: nothing can be throttled then
 * @see Linux, "Control Group v2", CPU interface files; "CFS Bandwidth Control".
 */
export function readCpuThrottling(read: ReadText = readText): CpuThrottling | undefined {
  for (const folder of [...cgroupFolders(read, ""), ...cgroupFolders(read, "cpu")]) {
    const stat = fieldsOf(read(`${folder}/cpu.stat`) ?? "");
    const periods = stat.get("nr_periods") ?? 0;
    if (periods <= 0) continue;
    const micros = stat.get("throttled_usec") ?? (stat.get("throttled_time") ?? 0) / 1000;
    return { periods, throttledPeriods: stat.get("nr_throttled") ?? 0, throttledSeconds: micros / 1e6 };
  }
  return undefined;
}

/** Lines of "name number". */
function fieldsOf(text: string): ReadonlyMap<string, number> {
  const fields = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name, value] = line.split(" ");
    const number = Number(value);
    if (name && value && Number.isFinite(number)) fields.set(name, number);
  }
  return fields;
}
