// What each package would publish: entries that exist, types that resolve, formats that are what they say.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { root } from "./prepare.mjs";

let faults = 0;
for (const name of readdirSync(join(root, "packages"))) {
  const pkgDir = join(root, "packages", name);
  const pkg = JSON.parse(readFileSync(join(pkgDir, "package.json"), "utf8"));
  const { messages } = await publint({ pkgDir, level: "warning" });
  for (const message of messages) console.error(`${pkg.name}: ${formatMessage(message, pkg)}`);
  faults += messages.length;
}
process.exit(faults === 0 ? 0 : 1);
