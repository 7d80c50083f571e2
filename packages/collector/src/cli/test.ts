import { readFile, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import {
  type AlertingConfig,
  type LoadedGroup,
  type RuleTestFile,
  type RuleTestResult,
  readAlertmanagerFile,
  readRuleFile,
  readRuleTestFile,
  runRuleTests,
} from "@tocsin/alerts";
import { messageOf } from "@tocsin/model";
import { type ConfigSource, formatProblem, type Problem } from "@tocsin/model/config";
import { filesMatching } from "../config/file-pattern.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";

const FLAGS = { json: { type: "boolean" }, junit: { type: "string" }, run: { type: "string" } } as const;

interface FileResult {
  readonly file: string;
  readonly results: readonly RuleTestResult[];
}

export const test: Command = {
  name: "test",
  help: `tocsin test FILE... [flags]

Runs promtool's rule tests unchanged. Besides its fields an expected alert may have exp_receivers and exp_actions, and a
test may have notification_test: what is sent, by the routes, groups and times of alerting_file (an alertmanager.yml).

  --run PATTERN  only tests whose name fits the regular expression
  --junit FILE   also write a JUnit report
  --json         results as JSON

Exit code 0 when all pass, 1 when one fails.`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    if (positionals.length === 0) throw new UsageError("Name a file with rule tests.");
    const isWanted = wantedBy(flags.run);
    const files: FileResult[] = [];
    for (const file of positionals)
      files.push({ file, results: await runFile(resolve(io.cwd, file), isWanted) });
    if (flags.junit !== undefined) await writeFile(resolve(io.cwd, flags.junit), junit(files));
    if (flags.json) io.out(`${JSON.stringify(files)}\n`);
    else for (const each of files) io.out(report(each));
    const failed = files
      .flatMap(({ results }) => results)
      .filter(({ failures }) => failures.length > 0).length;
    return failed === 0 ? ExitCode.good : ExitCode.findings;
  },
};

/** @throws {UsageError} when the pattern is none */
function wantedBy(pattern: string | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true;
  try {
    const regex = new RegExp(pattern);
    return (name) => regex.test(name);
  } catch (error) {
    throw new UsageError(`--run ${pattern} is not a regular expression: ${messageOf(error)}`);
  }
}

async function runFile(path: string, isWanted: (name: string) => boolean): Promise<RuleTestResult[]> {
  try {
    const source = { file: path, text: await readFile(path, "utf8") };
    const { file, problems } = readRuleTestFile(source);
    if (!file) return [failed("reading the file", problems, source)];
    const { groups, faults } = await readRules(file, dirname(path));
    if (faults.length > 0) return faults;
    return await runRuleTests(file, groups, await readAlerting(file, dirname(path)), isWanted);
  } catch (error) {
    return [{ name: "reading the file", failures: [messageOf(error)] }];
  }
}

async function readRules(
  file: RuleTestFile,
  folder: string,
): Promise<{ groups: LoadedGroup[]; faults: RuleTestResult[] }> {
  const groups: LoadedGroup[] = [];
  const faults: RuleTestResult[] = [];
  for (const pattern of file.rule_files ?? []) {
    for (const path of await filesMatching(resolve(folder, pattern))) {
      const source = { file: path, text: await readFile(path, "utf8") };
      const read = readRuleFile(source);
      groups.push(...read.groups);
      const errors = read.problems.filter(({ severity }) => severity === "error");
      if (errors.length > 0) faults.push(failed(`rules of ${pattern}`, errors, source));
    }
  }
  return { groups, faults };
}

async function readAlerting(file: RuleTestFile, folder: string): Promise<AlertingConfig | undefined> {
  if (file.alerting_file === undefined) return undefined;
  const source = {
    file: file.alerting_file,
    text: await readFile(resolve(folder, file.alerting_file), "utf8"),
  };
  const { config, problems } = readAlertmanagerFile(source);
  if (config) return config;
  throw new Error(problems.map((problem) => formatProblem(problem, source)).join("\n"));
}

function failed(name: string, problems: readonly Problem[], source: ConfigSource): RuleTestResult {
  return { name, failures: problems.map((problem) => formatProblem(problem, source)) };
}

function report({ file, results }: FileResult): string {
  const bad = results.filter(({ failures }) => failures.length > 0);
  const lines = bad.flatMap(({ name, failures }) => [
    `  FAILED: ${name}`,
    ...failures.map((text) => `    ${text.replaceAll("\n", "\n    ")}`),
  ]);
  const verdict =
    bad.length === 0 ? "SUCCESS" : `${bad.length} of ${results.length} failed (- expected, + got)`;
  return `${file}: ${verdict}\n${lines.map((line) => `${line}\n`).join("")}`;
}

function junit(files: readonly FileResult[]): string {
  const all = files.flatMap(({ results }) => results);
  const suites = files.map(({ file, results }) => {
    const cases = results.map(({ name, failures }) => {
      const inside = failures
        .map((text) => `<failure message="${xml(text.split("\n")[0] ?? "")}">${xml(text)}</failure>`)
        .join("");
      return `    <testcase classname="${xml(file)}" name="${xml(name)}">${inside}</testcase>`;
    });
    const bad = results.filter(({ failures }) => failures.length > 0).length;
    return `  <testsuite name="${xml(file)}" tests="${results.length}" failures="${bad}">\n${cases.join("\n")}\n  </testsuite>`;
  });
  const bad = all.filter(({ failures }) => failures.length > 0).length;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites tests="${all.length}" failures="${bad}">\n${suites.join("\n")}\n</testsuites>\n`;
}

function xml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (char) => entities[char] ?? char);
}
