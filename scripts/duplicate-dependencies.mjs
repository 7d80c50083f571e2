// What users install of a direct dependency of ours must be there once: two copies of an API package are two worlds.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./prepare.mjs";

const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
const direct = new Set();
const versions = new Map();
for (const [path, entry] of Object.entries(lock.packages)) {
  if (!path.includes("node_modules/")) {
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }))
      direct.add(name);
  } else if (!entry.link && !entry.dev) {
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    versions.set(name, new Set([...(versions.get(name) ?? []), entry.version]));
  }
}
const twice = [...direct].filter((name) => (versions.get(name)?.size ?? 0) > 1);
for (const name of twice) console.error(`${name} is installed as ${[...versions.get(name)].join(" and ")}`);
process.exit(twice.length === 0 ? 0 : 1);
