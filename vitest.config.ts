import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "./packages/agent/scripts/bundle.mjs",
    include: [
      "packages/*/src/**/*.test.{ts,tsx}",
      "packages/*/test/**/*.test.ts",
      "examples/*/{src,test}/**/*.test.ts",
    ],
    exclude: ["**/node_modules/**", "**/dist/**", "**/*.slow.test.ts"],
    testTimeout: 20_000,
  },
});
