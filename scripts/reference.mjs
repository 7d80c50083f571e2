// Writes docs/reference from the schemas and the commands themselves; with --check it only says what is out of date.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { allCommands } from "../packages/collector/dist/cli/commands.js";
import { WholeConfig } from "../packages/collector/dist/config/watch-schema.js";
import { metricsPage } from "./metrics-reference.mjs";
import { root } from "./prepare.mjs";

const folder = join(root, "docs", "reference");
const schema = {
  title: "tocsin.yaml",
  ...z.toJSONSchema(WholeConfig, { io: "input", unrepresentable: "any", reused: "ref" }),
};
const files = {
  "tocsin.schema.json": `${JSON.stringify(schema, null, 2)}\n`,
  "config.md": configPage(schema),
  "cli.md": await cliPage(),
  "metrics.md": await metricsPage(),
};

let stale = 0;
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  const file = join(folder, name);
  if (existsSync(file) && readFileSync(file, "utf8") === text) continue;
  stale++;
  if (process.argv.includes("--check"))
    console.error(`docs/reference/${name} is out of date: npm run reference`);
  else writeFileSync(file, text);
}
process.exit(process.argv.includes("--check") && stale > 0 ? 1 : 0);

function configPage(whole) {
  const rows = [];
  describe(whole, "", rows, 0, []);
  return [
    "# tocsin.yaml",
    "",
    "Every key, generated from the schema that checks it. For completion in an editor put",
    "`# yaml-language-server: $schema=docs/reference/tocsin.schema.json` on the first line of the file.",
    "`${NAME}` and `${NAME:-default}` are read from the environment. `tocsin check FILE` names every fault with its place.",
    "",
    "| key | type | default | meaning |",
    "| --- | --- | --- | --- |",
    ...rows.map(
      ({ key, type, preset, text }) => `| \`${key}\` | ${cell(type)} | ${cell(preset)} | ${cell(text)} |`,
    ),
    "",
  ].join("\n");
}

function describe(node, key, rows, depth, seen) {
  const target = resolve(node);
  if (key !== "") {
    const preset = along(node, "default");
    rows.push({
      key,
      type: typeOf(target),
      preset: preset === undefined || typeof preset === "object" ? "" : `\`${JSON.stringify(preset)}\``,
      text: along(node, "description") ?? "",
    });
  }
  if (depth > 6 || seen.includes(target)) return;
  const inner = [...seen, target];
  for (const branch of [target, ...(target.anyOf ?? []), ...(target.oneOf ?? [])].map(resolve)) {
    for (const [name, child] of Object.entries(branch.properties ?? {})) {
      describe(child, key === "" ? name : `${key}.${name}`, rows, depth + 1, inner);
    }
    if (branch.items && typeof resolve(branch.items).properties === "object") {
      for (const [name, child] of Object.entries(resolve(branch.items).properties)) {
        describe(child, `${key}[].${name}`, rows, depth + 1, inner);
      }
    }
  }
}

/** A field of a schema, or of the first one that it stands for that has it. */
function along(node, field) {
  if (node?.[field] !== undefined || !node?.$ref) return node?.[field];
  return along(node.$ref === "#" ? schema : schema.$defs[node.$ref.replace("#/$defs/", "")], field);
}

function resolve(node) {
  if (!node?.$ref) return node ?? {};
  const name = node.$ref.replace("#/$defs/", "");
  return resolve(node.$ref === "#" ? schema : schema.$defs[name]);
}

function typeOf(node, depth = 0) {
  // A type that holds itself, such as routes within routes, is named once.
  if (depth > 3) return node.type ?? "any";
  if (node.enum) return node.enum.map((value) => `\`${value}\``).join(", ");
  if (node.const !== undefined) return `\`${node.const}\``;
  if (node.anyOf)
    return [...new Set(node.anyOf.map((branch) => typeOf(resolve(branch), depth + 1)))].join(" or ");
  if (node.type === "array") return `list of ${typeOf(resolve(node.items), depth + 1)}`;
  return node.type ?? "any";
}

async function cliPage() {
  const parts = (await allCommands()).map(
    ({ name, help }) => `## tocsin ${name}\n\n\`\`\`\n${help.trimEnd()}\n\`\`\`\n`,
  );
  return `# The command\n\nData on stdout, talk on stderr. Exit codes: 0 good, 1 findings, 2 wrong use, 3 collector not reached.\n\n${parts.join("\n")}`;
}

function cell(text) {
  return String(text).replaceAll("|", "\\|").replaceAll("\n", " ");
}
