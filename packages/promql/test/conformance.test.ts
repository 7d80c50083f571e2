import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// The scripts and their harness lie beside the repository and are not part of it.
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const conformance = process.env.TOCSIN_CONFORMANCE ?? resolve(root, "../shared/conformance");
const harness = resolve(conformance, "../tools/promqltest");
const entry = join(root, "packages/promql/dist/index.js");
const isThere = existsSync(join(conformance, "promql")) && existsSync(harness) && existsSync(entry);

if (!isThere) console.warn(`SKIPPED: PromQL conformance, because ${harness} or the built package is absent.`);

test.skipIf(!isThere)("agrees with Prometheus's own test scripts", { timeout: 120_000 }, () => {
  const output = execFileSync(
    process.execPath,
    [
      join(harness, "run.mjs"),
      "--adapter",
      join(harness, "adapters/tocsin.mjs"),
      "-v",
      join(conformance, "promql"),
    ],
    { encoding: "utf8", env: { ...process.env, TOCSIN_PROMQL: entry } },
  );
  const failures = output.split("\n").filter((line) => line.includes("FAIL"));
  const share = (pattern: RegExp) => {
    const match = pattern.exec(output);
    const total = Number(match?.[2]);
    expect(total, `no score in ${output.slice(-400)}`).toBeGreaterThan(0);
    return Number(match?.[1]) / total;
  };
  expect(failures).toEqual([]);
  expect(share(/core (\d+)\/(\d+)/)).toBe(1);
  expect(share(/extended (\d+)\/(\d+)\n/)).toBe(1);
  expect(share(/(\d+)\/(\d+) native-histogram cases/)).toBe(1);
});
