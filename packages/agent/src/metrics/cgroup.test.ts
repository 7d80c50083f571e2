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
  {
    name: "a service of the machine: the narrowest limit of the cgroups around it",
    files: {
      "/proc/self/cgroup": "0::/shop.slice/shop.service\n",
      "/sys/fs/cgroup/shop.slice/shop.service/cpu.max": "80000 100000",
      "/sys/fs/cgroup/shop.slice/cpu.max": "50000 100000",
      "/sys/fs/cgroup/shop.slice/shop.service/memory.max": "1048576",
      "/sys/fs/cgroup/shop.slice/memory.max": "max",
    },
    want: { cpus: 0.5, memoryBytes: 1_048_576 },
  },
  {
    name: "a container of version 1 that sees the path of its host",
    files: {
      "/proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "25000",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "2097152",
    },
    want: { cpus: 0.25, memoryBytes: 2_097_152 },
  },
  { name: "no cgroups", files: {}, want: MACHINE },
])("$name", ({ files, want }) => {
  expect(readLimits((path) => (files as Record<string, string>)[path])).toEqual(want);
});
