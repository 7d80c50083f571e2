import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * Tests of how a process ends, and those of services that may load the agent, each get a process of their own. The agent's
 * own run it in processes that they start, and those of its parts put back what they patch.
 */
const withAgent = ["packages/agent/src/lifecycle/**/*.test.ts", "examples/*/{src,test}/**/*.test.ts"];
const exclude = ["**/node_modules/**", "**/dist/**", "**/*.slow.test.ts"];
/** What is waited for may take its time on a busy machine; vitest would give it a second. */
const patience = {
  testTimeout: 30_000,
  hookTimeout: 30_000,
  expect: { poll: { timeout: 15_000, interval: 20 } },
};

export default defineConfig({
  test: {
    globalSetup: "./packages/agent/scripts/bundle.mjs",
    // Both cores of a small machine: by default one would be left to wait.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      { test: { name: "agent", include: withAgent, exclude, ...patience } },
      {
        test: {
          name: "rest",
          include: ["packages/*/src/**/*.test.{ts,tsx}", "packages/*/test/**/*.test.ts"],
          exclude: [...exclude, ...withAgent],
          ...patience,
          // Nothing here changes what is shared by a process, and to load the same modules for each file took half of the time.
          isolate: false,
        },
      },
    ],
  },
});
