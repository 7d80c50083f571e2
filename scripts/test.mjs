// The whole fast suite from a bare checkout: install, build, test. Arguments go to vitest.
import { prepare, run } from "./prepare.mjs";

prepare();
run("npx", ["vitest", "run", ...process.argv.slice(2)]);
