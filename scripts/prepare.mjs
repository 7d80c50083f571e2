// Brings a checkout to the state in which everything can run: dependencies installed, packages built.
// Does nothing that is already done, so that `npm start` and `npm test` can always call it.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Installs the dependencies when the lock file changed since the last time, then builds. */
export function prepare() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".tocsin-lock");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
    console.error("Installing the dependencies (once, about half a minute) …");
    // Not `npm ci`: it refuses a lock file made where a registry does not carry the binaries of every platform.
    run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
    writeFileSync(stamp, lock);
  }
  build();
}

/** Compiles every package, then bundles the agent and the page. */
export function build() {
  run("npx", ["tsc", "-b"]);
  run("npm", ["run", "build", "--silent", "-w", "packages/agent"]);
  if (existsSync(join(root, "packages/dashboard/index.html")))
    run("npm", ["run", "build", "--silent", "-w", "packages/dashboard"]);
}

/** Runs a command in the root of the project and ends this process when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (error) console.error(`Cannot run ${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
