// What a browser must load before the page shows anything, compressed as it travels. Fails over the budget.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET_KB = { js: 100, css: 15 };
const page = join(dirname(fileURLToPath(import.meta.url)), "..", "dist", "page");
const html = readFileSync(join(page, "index.html"), "utf8");
const initial = new Set([...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(([, path]) => path));
const sizes = { js: 0, css: 0 };
for (const name of readdirSync(join(page, "assets"))) {
  const kind = name.endsWith(".js") ? "js" : name.endsWith(".css") ? "css" : undefined;
  if (kind && initial.has(`assets/${name}`))
    sizes[kind] += gzipSync(readFileSync(join(page, "assets", name))).length;
}
let isOver = initial.size === 0;
for (const [kind, bytes] of Object.entries(sizes)) {
  const kB = bytes / 1_000;
  isOver ||= kB > BUDGET_KB[kind];
  console.log(`initial ${kind}: ${kB.toFixed(1)} kB gzip of ${BUDGET_KB[kind]}`);
}
if (isOver) {
  console.error(initial.size === 0 ? "The page is not built." : "Over the budget.");
  process.exit(1);
}
