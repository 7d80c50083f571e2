// Configuration in the documents is what people copy: every whole tocsin.yaml among their snippets must be accepted.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatProblemLine } from "@tocsin/model/config";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { CollectorConfig } from "../src/config/schema.js";
import { loadSetup } from "../src/config/setup.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

async function documents(): Promise<string[]> {
  const packages = (await readdir(join(root, "packages"))).map((name) => `packages/${name}/README.md`);
  const docs = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md"));
  return ["README.md", ...packages, ...docs.map((name) => `docs/${name}`)];
}

interface Snippet {
  readonly place: string;
  readonly text: string;
}

async function yamlSnippets(): Promise<Snippet[]> {
  const snippets: Snippet[] = [];
  for (const file of await documents()) {
    const markdown = await readFile(join(root, file), "utf8").catch(() => "");
    for (const match of markdown.matchAll(/^```yaml\n(.*?)^```$/gms)) {
      const line = markdown.slice(0, match.index).split("\n").length + 1;
      snippets.push({ place: `${file}:${line}`, text: match[1] ?? "" });
    }
  }
  return snippets;
}

/** A mapping with nothing but keys of tocsin.yaml is one; anything else belongs to another program. */
function isConfiguration(text: string): boolean {
  const content: unknown = parse(text);
  const keys = typeof content === "object" && content !== null ? Object.keys(content) : [];
  return keys.length > 0 && keys.every((key) => key in CollectorConfig.shape);
}

/** A value for every variable that the text reads from the environment. */
function environmentFor(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, "http://127.0.0.1:9/"]),
  );
}

const snippets = await yamlSnippets();
const configurations = snippets.filter(({ text }) => isConfiguration(text));

test("the documents have configurations to look at", () => {
  expect(configurations.length).toBeGreaterThan(10);
});

test.each(configurations)("$place is accepted", async ({ text }) => {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-documents-"));
  try {
    await writeFile(join(folder, "tocsin.yaml"), text);
    const { problems } = await loadSetup(join(folder, "tocsin.yaml"), folder, environmentFor(text));
    const errors = problems.filter(({ severity }) => severity === "error");
    expect(errors.map((problem) => formatProblemLine(problem))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
