import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readYaml } from "@tocsin/model/config";
import { describe, expect, test } from "vitest";
import { Engine, format, MemoryStorage, PromQLError, parse, print } from "../src/index.js";
import type { Expression } from "../src/syntax/ast.js";
import { walk } from "../src/syntax/ast.js";
import { MINUTE } from "./loaded.js";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const folder = join(
  process.env.TOCSIN_CONFORMANCE ?? resolve(root, "../shared/conformance"),
  "awesome-rules",
);
const isThere = existsSync(folder);

if (!isThere) console.warn(`SKIPPED: published rules, because ${folder} is absent.`);

const expressions = isThere ? readExpressions() : [];

/** Every `expr` of every rule file. */
function readExpressions(): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!/\.ya?ml$/.test(entry)) continue;
    const text = readFileSync(join(folder, entry), "utf8");
    for (const { value } of readYaml({ file: entry, text }).documents) {
      const { groups = [] } = value as { groups?: { rules?: { expr: unknown }[] }[] };
      for (const { rules } of groups) for (const { expr } of rules ?? []) found.push(String(expr));
    }
  }
  return found;
}

/** Two series of every metric that an expression names, with the labels that it asks for. */
function synthetic(expression: Expression): MemoryStorage {
  const storage = new MemoryStorage();
  walk(expression, (node) => {
    if (node.kind !== "vector-selector" || node.name === undefined) return;
    const asked = node.matchers
      .filter(({ operator }) => operator === "=")
      .map(({ name, value }) => [name, value]);
    for (const instance of ["a", "b"]) {
      const le = node.name.endsWith("_bucket") ? { le: instance === "a" ? "1" : "+Inf" } : {};
      const labels = { instance, ...le, ...Object.fromEntries(asked), __name__: node.name };
      for (let minute = 0; minute < 30; minute++) storage.append(labels, minute * MINUTE, minute * 3);
    }
  });
  return storage;
}

describe.skipIf(!isThere)("published alerting and recording rules", () => {
  test("there are hundreds", () => expect(expressions.length).toBeGreaterThan(400));

  test("all parse, and print to what parses the same", () => {
    for (const text of expressions) {
      const expression = parse(text);
      expect(print(parse(print(expression))), text).toBe(print(expression));
      expect(print(parse(format(expression))), text).toBe(print(expression));
    }
  });

  test("all evaluate on no data and on synthetic data", async () => {
    const engine = new Engine();
    let answered = 0;
    for (const text of expressions) {
      await engine.instantQuery(new MemoryStorage(), text, 0);
      try {
        const storage = synthetic(parse(text));
        await engine.rangeQuery(storage, text, 20 * MINUTE, 29 * MINUTE, 3 * MINUTE);
        const result = await engine.instantQuery(storage, text, 29 * MINUTE);
        if (result.resultType === "vector" && result.samples.length > 0) answered++;
      } catch (error) {
        // Labels made up at random may well match twice; anything else is a fault.
        expect(error).toBeInstanceOf(PromQLError);
        expect((error as Error).message, text).toMatch(/many-to-many|multiple matches/);
      }
    }
    expect(answered).toBeGreaterThan(100);
  });
});
