// The main job from a bare checkout: install, build, then `tocsin demo`. Arguments go to the demo.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";

prepare();
const demo = spawn(
  process.execPath,
  [join(root, "packages/collector/bin/tocsin.js"), "demo", ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
// The terminal sends Ctrl-C to the whole group; a signal sent to this process alone is passed on.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => demo.kill(signal));
demo.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
