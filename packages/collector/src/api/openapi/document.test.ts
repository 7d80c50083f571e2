import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { OPERATIONS } from "./operations.js";

/** Every route of the modules that are mounted under /api/v1. */
function routes(): string[] {
  const folder = new URL("../", import.meta.url);
  const elsewhere = /^(health|page|jaeger|wrong-door|alertmanager.*)\.ts$|\.test\.ts$/;
  const files = readdirSync(folder).filter((file) => file.endsWith(".ts") && !elsewhere.test(file));
  const texts = [...files.map((file) => new URL(file, folder)), new URL("routes.ts", import.meta.url)].map(
    (url) => readFileSync(url, "utf8"),
  );
  return texts
    .flatMap((text) => [...text.matchAll(/router\.(get|post)\(\s*[`"]([^`"]+)[`"]/g)])
    .flatMap(([, method, path]) =>
      path!.includes("${verb}")
        ? ["approve", "decline"].map((verb) => [method, path!.replace("${verb}", verb)] as const)
        : [[method, path!] as const],
    )
    .map(([method, path]) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`)
    .sort();
}

test("every route is described, and every description has its route", () => {
  expect(OPERATIONS.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(routes());
});
