import { defineConfig } from "vitest/config";

/** Tests that start whole systems, kill them or need a browser; one after the other, since they measure and wait. */
export default defineConfig({
  test: {
    globalSetup: "./packages/agent/scripts/bundle.mjs",
    include: ["packages/*/{src,test}/**/*.slow.test.ts", "examples/*/{src,test}/**/*.slow.test.ts"],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
