import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));
const isBuilt = existsSync(new URL("../dist/index.js", import.meta.url));

if (!isBuilt) console.warn("SKIPPED: the README's snippets, because the package is not built.");

test.skipIf(!isBuilt)(
  "the README's snippets run one after the other and print what their comments say",
  () => {
    const snippets = Array.from(README.matchAll(/```js\n([\s\S]*?)```/g), ([, code]) => code ?? "");
    expect(snippets.length).toBeGreaterThan(4);
    const directory = mkdtempSync(join(tmpdir(), "tocsin-promql-readme-"));
    try {
      symlinkSync(MODULES, join(directory, "node_modules"));
      const file = join(directory, "readme.mjs");
      writeFileSync(file, snippets.join("\n"));
      const printed = execFileSync(process.execPath, [file], { encoding: "utf8" });
      const promised = [...snippets.join("\n").matchAll(/^ *\/\/ (.*)$/gm)].map(([, text]) => text ?? "");
      expect(promised.length).toBeGreaterThan(3);
      for (const line of promised) expect(printed).toContain(line);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
