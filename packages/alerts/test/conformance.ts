import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const base = process.env.TOCSIN_CONFORMANCE ?? resolve(root, "../shared/conformance");

/** Files of a conformance suite; empty, and said aloud, where the suite is not there. */
export function conformanceFiles(suite: string): { file: string; text: string }[] {
  const folder = join(base, suite);
  if (!existsSync(folder)) {
    console.warn(`SKIPPED: the conformance suite ${suite} is not at ${folder}`);
    return [];
  }
  return readdirSync(folder)
    .filter((file) => /\.ya?ml$/.test(file))
    .map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));
}
