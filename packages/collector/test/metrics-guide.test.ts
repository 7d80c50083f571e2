import { readFileSync } from "node:fs";
import { parse } from "@tocsin/promql";
import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { CollectorConfig } from "../src/config/schema.js";

const guide = readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8");
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(([, text]) => text);

test.each(blocks("yaml"))("the guide's configuration is valid:\n%s", (text) => {
  expect(CollectorConfig.safeParse(parseYaml(text)).error).toBeUndefined();
});

test("the guide's queries are PromQL", () => {
  const queries = blocks("sh").flatMap((text) =>
    [...text.matchAll(/^tocsin query '([^']+)'/gm)].map(([, query]) => query),
  );
  expect(queries.length).toBeGreaterThan(1);
  for (const query of queries) expect(() => parse(query)).not.toThrow();
});
