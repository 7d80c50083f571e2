import { defineConfig } from "vitest/config";

/** A service that lacks the processor is rolled back for its slowness, which is right, and another story than the one told. */
const story = "packages/collector/test/loop.slow.test.ts";
const options = { testTimeout: 300_000, hookTimeout: 120_000, expect: { poll: { timeout: 30_000 } } };

/** Tests that start whole systems, kill them or need a browser. Most of their time is waiting, so that two go side by side. */
export default defineConfig({
  test: {
    globalSetup: "./packages/agent/scripts/bundle.mjs",
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...options,
          name: "slow",
          include: ["packages/*/{src,test}/**/*.slow.test.ts", "examples/*/{src,test}/**/*.slow.test.ts"],
          exclude: ["**/node_modules/**", story],
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...options, name: "alone", include: [story], sequence: { groupOrder: 1 } } },
    ],
  },
});
