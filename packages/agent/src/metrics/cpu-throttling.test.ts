import { expect, test } from "vitest";
import { readCpuThrottling } from "./cpu-throttling.js";

const V2 = `usage_usec 81520432
user_usec 60000000
system_usec 21520432
nr_periods 4000
nr_throttled 250
throttled_usec 12500000
nr_bursts 0
burst_usec 0
`;

test.each([
  {
    name: "version 2",
    files: { "/sys/fs/cgroup/cpu.stat": V2 },
    want: { periods: 4_000, throttledPeriods: 250, throttledSeconds: 12.5 },
  },
  {
    name: "version 1, which counts nanoseconds",
    files: { "/sys/fs/cgroup/cpu/cpu.stat": "nr_periods 100\nnr_throttled 7\nthrottled_time 350000000\n" },
    want: { periods: 100, throttledPeriods: 7, throttledSeconds: 0.35 },
  },
  {
    name: "version 1 under the name of both its controllers",
    files: {
      "/sys/fs/cgroup/cpu,cpuacct/cpu.stat": "nr_periods 10\nnr_throttled 0\nthrottled_time 0\n",
    },
    want: { periods: 10, throttledPeriods: 0, throttledSeconds: 0 },
  },
  {
    name: "a version 2 cgroup without a quota",
    files: { "/sys/fs/cgroup/cpu.stat": "usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n" },
    want: undefined,
  },
  {
    name: "version 2 without the controller",
    files: { "/sys/fs/cgroup/cpu.stat": "usage_usec 5\n" },
    want: undefined,
  },
  {
    name: "what is no such file",
    files: { "/sys/fs/cgroup/cpu.stat": "nr_periods many\n\n" },
    want: undefined,
  },
  { name: "no cgroups", files: {}, want: undefined },
])("$name", ({ files, want }) => {
  expect(readCpuThrottling((path) => (files as Record<string, string>)[path])).toEqual(want);
});
