import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type LoadedGroup, readAlertmanagerFile, readRuleFile, readRuleTestFile } from "@tocsin/alerts";
import { type ConfigSource, formatProblem, type Problem, readYaml, sortProblems } from "@tocsin/model/config";
import { loadSetup } from "../config/setup.js";
import { readSloDocuments } from "../slo/documents/read-documents.js";
import { type Command, type CommandIo, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";

const FLAGS = { json: { type: "boolean" } } as const;

/** What one file gave. */
interface Checked {
  readonly problems: readonly Problem[];
  readonly sources: readonly ConfigSource[];
  readonly rules: number;
}

export const check: Command = {
  name: "check",
  summary: "check configuration, rules, SLOs and routes, each fault with its place",
  help: `tocsin check [FILE...] [--json]

Checks files and everything that they name, and lists every fault with file:line:column, the line and what to write.
The kind of a file is told by what is in it: tocsin.yaml, Prometheus rules, alertmanager.yml, rule tests, OpenSLO.

  FILE     default tocsin.yaml
  --json   problems as JSON

Exit code 0 without errors (warnings may be there), 1 with errors.`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const startedMs = performance.now();
    const files = positionals.length > 0 ? positionals : ["tocsin.yaml"];
    const checked: Checked[] = [];
    for (const file of files) checked.push(await checkFile(file, io));
    const problems = sortProblems(checked.flatMap((each) => each.problems)).map((problem) => ({
      ...problem,
      file: shortName(problem.file, io),
    }));
    const sources = new Map(
      checked.flatMap((each) => each.sources).map((source) => [shortName(source.file, io), source]),
    );
    const errors = problems.filter(({ severity }) => severity === "error").length;
    if (flags.json) io.out(`${JSON.stringify(problems)}\n`);
    else {
      for (const problem of problems) io.out(`${formatProblem(problem, sources.get(problem.file))}\n`);
      const rules = checked.reduce((sum, each) => sum + each.rules, 0);
      const durationMs = Math.round(performance.now() - startedMs);
      io.err(
        `${counted(errors, "error")}, ${counted(problems.length - errors, "warning")} in ${counted(sources.size, "file")} (${counted(rules, "rule")}) · ${durationMs} ms\n`,
      );
    }
    return errors === 0 ? ExitCode.good : ExitCode.findings;
  },
};

async function checkFile(file: string, io: CommandIo): Promise<Checked> {
  const path = resolve(io.cwd, file);
  const source = { file: path, text: await readText(path, file) };
  switch (kindOf(source)) {
    case "rules": {
      const { groups, problems } = readRuleFile(source);
      return { problems, sources: [source], rules: countRules(groups) };
    }
    case "alertmanager":
      return { problems: readAlertmanagerFile(source).problems, sources: [source], rules: 0 };
    case "rule tests":
      return { problems: readRuleTestFile(source).problems, sources: [source], rules: 0 };
    case "slos":
      return { problems: readSloDocuments([source]).problems, sources: [source], rules: 0 };
    default: {
      const { setup, problems, sources } = await loadSetup(path, dirname(path), io.env);
      return { problems, sources, rules: countRules(setup?.ruleGroups ?? []) + (setup?.slos.length ?? 0) };
    }
  }
}

/** The kind of a file by its keys; a file that cannot be read as YAML counts as a configuration, which will say so. */
function kindOf(source: ConfigSource): "rules" | "alertmanager" | "rule tests" | "slos" | "config" {
  const value = readYaml(source).documents[0]?.value;
  const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (keys.includes("apiVersion") || (keys.includes("version") && keys.includes("slos"))) return "slos";
  if (keys.includes("groups")) return "rules";
  if (keys.includes("tests")) return "rule tests";
  if (keys.includes("route") || keys.includes("receivers")) return "alertmanager";
  return "config";
}

async function readText(path: string, file: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new UsageError(
      isMissing ? `There is no file ${file}.` : `${file} cannot be read: ${String(error)}`,
    );
  }
}

/** As the person wrote it, where it is below the current folder. */
function shortName(file: string, { cwd }: CommandIo): string {
  return file.startsWith(`${cwd}/`) ? file.slice(cwd.length + 1) : file;
}

function countRules(groups: readonly LoadedGroup[]): number {
  return groups.reduce((sum, { rules }) => sum + rules.length, 0);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
