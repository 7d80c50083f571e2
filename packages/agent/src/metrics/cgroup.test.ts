import { availableParallelism, totalmem } from "node:os";
import { expect, test } from "vitest";
import { readLimits } from "./cgroup.js";

const MACHINE = { cpus: availableParallelism(), memoryBytes: totalmem() };

test.each([
  {
    name: "version 2",
    files: { "/sys/fs/cgroup/cpu.max": "50000 100000\n", "/sys/fs/cgroup/memory.max": "1048576\n" },
    want: { cpus: 0.5, memoryBytes: 1_048_576 },
  },
  {
    name: "version 2 without limits",
    files: { "/sys/fs/cgroup/cpu.max": "max 100000", "/sys/fs/cgroup/memory.max": "max" },
    want: MACHINE,
  },
  {
    name: "version 1",
    files: {
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "25000",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "2097152",
    },
    want: { cpus: 0.25, memoryBytes: 2_097_152 },
  },
  {
    name: "version 1 without limits",
    files: {
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
    },
    want: MACHINE,
  },
  { name: "no cgroups", files: {}, want: MACHINE },
])("$name", ({ files, want }) => {
  expect(readLimits((path) => (files as Record<string, string>)[path])).toEqual(want);
});
