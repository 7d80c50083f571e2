import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const COMMAND = fileURLToPath(new URL("../bin/tocsin.js", import.meta.url));

/** What takes a quarter of a second and more to load. */
const HEAVY =
  /node_modules\/(zod|express|yaml|@grpc|@opentelemetry)\/|packages\/(alerts|promql)\/|\/cli\/up-collector\.js/;

test.each([["--help"], ["--version"], ["up", "--help"], ["alert", "--help"], ["traces", "--help"]])(
  "`tocsin %s %s` starts without the code of the collector",
  async (...args) => {
    const folder = await mkdtemp(join(tmpdir(), "tocsin-start-"));
    try {
      const loaded = join(folder, "loaded");
      await promisify(execFile)(process.execPath, [COMMAND, ...args.filter(Boolean)], {
        env: {
          ...process.env,
          NODE_OPTIONS: `--import=${new URL("./loaded-modules.mjs", import.meta.url).href}`,
          TOCSIN_LOADED_MODULES: loaded,
        },
      });
      const modules = (await readFile(loaded, "utf8")).split("\n");
      expect(modules.some((url) => url.endsWith("/cli/run.js"))).toBe(true);
      expect(modules.filter((url) => HEAVY.test(url))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
