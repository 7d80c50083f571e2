import { expect, test } from "vitest";
import { isLauncher, serviceOf } from "./program.js";

test.each([
  { script: "/usr/lib/node_modules/npm/bin/npm-cli.js", launches: true },
  { script: "/usr/share/nodejs/npm/bin/npx-cli.js", launches: true },
  { script: "/app/.yarn/releases/yarn-4.9.1.cjs", launches: true },
  { script: "C:\\app\\node_modules\\nodemon\\bin\\nodemon.js", launches: true },
  { script: "/app/node_modules/tsx/dist/cli.mjs", launches: true },
  { script: "/app/node_modules/tsx/dist/preflight.cjs", launches: false },
  { script: "/app/node_modules/pm2/lib/Daemon.js", launches: true },
  { script: "/app/node_modules/pm2/lib/ProcessContainer.js", launches: false },
  { script: "/app/node_modules/pm2/lib/ProcessContainerFork.js", launches: false },
  { script: "/app/node_modules/next/dist/bin/next", launches: false },
  { script: "/app/npm/server.js", launches: false },
  { script: undefined, launches: false },
])("$script starts others: $launches", ({ script, launches }) => {
  expect(isLauncher(script, (path) => path)).toBe(launches);
});

test("a link is followed", () => {
  expect(isLauncher("/usr/bin/npm", () => "/usr/lib/node_modules/npm/bin/npm-cli.js")).toBe(true);
});

test("in PM2's cluster mode file, folder and environment are those that PM2 has in store", () => {
  const own = { pm_exec_path: "/app/server.js", pm_cwd: "/app", TOCSIN_URL: "http://c:4318", instances: 2 };
  const script = "/app/node_modules/pm2/lib/ProcessContainer.js";
  expect(serviceOf({ script, cwd: "/root", env: { A: "a", pm2_env: JSON.stringify(own) } })).toMatchObject({
    script: "/app/server.js",
    cwd: "/app",
    env: { A: "a", TOCSIN_URL: "http://c:4318", instances: "2" },
  });
  expect(serviceOf({ script, cwd: "/root", env: { pm2_env: "{" } })).toMatchObject({ script, cwd: "/root" });
});

test("in its fork mode they are in the environment already, and elsewhere they are what they are", () => {
  const env = { pm_exec_path: "/app/server.js", pm_cwd: "/app" };
  expect(serviceOf({ script: "/app/node_modules/pm2/lib/ProcessContainerFork.js", cwd: "/", env })).toEqual({
    script: "/app/server.js",
    cwd: "/app",
    env,
  });
  const plain = { script: "/app/server.js", cwd: "/", env: {} };
  expect(serviceOf(plain)).toBe(plain);
});
