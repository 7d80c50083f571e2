import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Installs packages that this repository has no use for itself, once, in a folder apart from it.
 *
 * @returns the folder; undefined, aloud, where there is no registry: the tests that need them are skipped then
 */
export function installed(name: string, dependencies: Readonly<Record<string, string>>): string | undefined {
  const dir = join(tmpdir(), `tocsin-test-${name}`);
  const manifest = JSON.stringify({ private: true, dependencies });
  const stamp = join(dir, "installed.json");
  try {
    if (readFileSync(stamp, "utf8") === manifest) return dir;
  } catch {
    // Not installed yet.
  }
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "package.json"), manifest);
  const { status } = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: dir,
  });
  if (status === 0) {
    writeFileSync(stamp, manifest);
    return dir;
  }
  process.stderr.write(`SKIPPED: ${Object.keys(dependencies).join(", ")} could not be installed.\n`);
  return undefined;
}
