import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configError } from "../config/load.js";
import { loadSetup } from "../config/setup.js";
import { Closers } from "./closers.js";
import { Reloading } from "./reloading.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-reloading-"));
});
afterEach(() => rm(dir, { recursive: true }));

const RULES = "groups: [{name: g, rules: [{alert: A, expr: x > 1}]}]\n";

async function setUp() {
  const file = join(dir, "tocsin.yaml");
  await writeFile(file, "rule_files: ['*.rules']\n");
  await writeFile(join(dir, "a.rules"), RULES);
  const readSetup = async () => {
    const { setup, problems, sources } = await loadSetup(file, dir, {});
    if (!setup) throw configError(problems, sources);
    return setup;
  };
  const clock = new ManualClock(1_000);
  const applied: number[] = [];
  const reloading = new Reloading({
    setup: await readSetup(),
    readSetup,
    apply: async ({ watch }) => void applied.push(watch?.ruleGroups.length ?? 0),
    clock,
    logger: silentLogger,
    registry: new Registry(),
  });
  const closers = new Closers();
  await reloading.watchFiles(closers);
  /** Lets the files be looked at until something is so. */
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) {
      await clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { reloading, applied, until, close: () => closers.close(() => {}) };
}

test("files that change, appear or are swapped are read; a fault changes nothing and is told", async () => {
  const { reloading, applied, until, close } = await setUp();
  expect(applied).toEqual([]);
  await writeFile(join(dir, "b.rules"), RULES.replace("name: g", "name: h"));
  await until(() => applied.length === 1);
  expect(applied).toEqual([2]);

  await writeFile(join(dir, "next"), RULES.replace("x > 1", "x >"));
  await rename(join(dir, "next"), join(dir, "a.rules"));
  await until(() => reloading.status.failed !== undefined);
  expect(applied).toEqual([2]);
  expect(reloading.status.failed!.error).toMatch(/a\.rules:1:\d+ error\[promql\/parse\]/);

  await writeFile(join(dir, "a.rules"), RULES);
  await until(() => reloading.status.failed === undefined);
  expect(applied).toEqual([2, 2]);
  await close();
});

test("reloads asked for at once run one after the other", async () => {
  const { reloading, applied, close } = await setUp();
  await Promise.all([reloading.reload(), reloading.reload()]);
  expect(applied).toEqual([1, 1]);
  await close();
});
