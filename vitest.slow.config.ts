import { defineConfig } from "vitest/config";

/** Tests that start whole systems, kill them or need a browser. Most of their time is waiting, so that two go side by side. */
export default defineConfig({
  test: {
    globalSetup: "./packages/agent/scripts/bundle.mjs",
    include: ["packages/*/{src,test}/**/*.slow.test.ts", "examples/*/{src,test}/**/*.slow.test.ts"],
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
