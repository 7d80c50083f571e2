import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * A folder in which `app.cjs` finds express 4 under its own name: beside express 5 it is installed under another.
 *
 * @returns the file, the variables that it needs, and what removes the folder
 */
export function express4App(): { file: string; env: Record<string, string>; remove: () => void } {
  const modules = fileURLToPath(new URL("../../../../node_modules/", import.meta.url));
  const dir = mkdtempSync(join(tmpdir(), "tocsin-express-4-"));
  cpSync(join(modules, "express-4"), join(dir, "node_modules", "express"), { recursive: true });
  cpSync(fileURLToPath(new URL("../fixtures/frameworks.cjs", import.meta.url)), join(dir, "app.cjs"));
  return {
    file: join(dir, "app.cjs"),
    env: { NODE_PATH: [join(modules, "express-4", "node_modules"), modules].join(delimiter) },
    remove: () => rmSync(dir, { recursive: true }),
  };
}
