import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type LoadedGroup, readAlertmanagerFile, readRuleFile, readRuleTestFile } from "@tocsin/alerts";
import { type ConfigSource, formatProblem, type Problem, readYaml, sortProblems } from "@tocsin/model/config";
import { loadSetup } from "../config/setup.js";
import { readSloDocuments } from "../slo/documents/read-documents.js";
import { lintProblems } from "../slo/lint.js";
import type { SloOrigins } from "../slo/origin.js";
import { ruleQueries, sloQueries } from "./check-queries.js";
import { neverSeen, unknownServices } from "./check-seen.js";
import { knownSeries } from "./check-server.js";
import { collectorClient } from "./client.js";
import { type Command, type CommandIo, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";

const FLAGS = { url: { type: "string" }, token: { type: "string" }, json: { type: "boolean" } } as const;

/** What one file gave. */
interface Checked {
  readonly problems: readonly Problem[];
  readonly sources: readonly ConfigSource[];
  readonly rules: number;
  /** SLOs and where they were written. */
  readonly origins: SloOrigins;
}

export const check: Command = {
  name: "check",
  help: `tocsin check [FILE...] [--url URL] [--json]

Checks files and everything that they name, and lists every fault with file:line:column, the line and what to write.
The kind of a file is told by what is in it: tocsin.yaml, Prometheus rules, alertmanager.yml, rule tests, OpenSLO.

  FILE           default tocsin.yaml
  --url URL      also ask this collector (or Prometheus server) for metrics, labels and values that rules and SLOs
                 select and that were never seen, and for services that were never seen
  --token TOKEN  a bearer token for it (better: TOCSIN_TOKEN in the environment)
  --json         problems as JSON

Exit code 0 without errors (warnings may be there), 1 with errors.`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const startedMs = performance.now();
    const files = positionals.length > 0 ? positionals : ["tocsin.yaml"];
    const checked = await checkFiles(files, io);
    const found = checked.flatMap((each) => each.problems);
    if (flags.url !== undefined) found.push(...(await askServer(checked, flags, io)));
    const problems = sortProblems(found).map((problem) => ({
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

/** What only a running server knows: series and services that were never seen. */
async function askServer(
  checked: readonly Checked[],
  flags: { readonly url?: string; readonly token?: string },
  io: CommandIo,
): Promise<Problem[]> {
  const known = await knownSeries(collectorClient(flags, io));
  const rules = checked
    .flatMap(({ sources }) => sources)
    .filter((source) => kindOf(source) === "rules")
    .map(ruleQueries);
  const origins = new Map(checked.flatMap((each) => [...each.origins]));
  const queries = [...sloQueries(origins), ...rules.flatMap((each) => each.queries)];
  return [
    ...(await neverSeen(
      queries,
      rules.flatMap(({ recorded }) => recorded),
      known,
    )),
    ...(await unknownServices(origins, known)),
  ];
}

async function checkFiles(files: readonly string[], io: CommandIo): Promise<Checked[]> {
  const read = await Promise.all(
    files.map(async (file) => {
      const path = resolve(io.cwd, file);
      const source = { file: path, text: await readText(path, file) };
      return { source, kind: kindOf(source) };
    }),
  );
  // SLO documents refer to one another, so they are read together.
  const documents = read.filter(({ kind }) => kind === "slos").map(({ source }) => source);
  const checked = documents.length > 0 ? [checkDocuments(documents)] : [];
  for (const { source, kind } of read) if (kind !== "slos") checked.push(await checkFile(source, kind, io));
  return checked;
}

function checkDocuments(sources: readonly ConfigSource[]): Checked {
  const { specs, origins, problems } = readSloDocuments(sources);
  return { problems: [...problems, ...lintProblems(specs, origins)], sources, rules: specs.length, origins };
}

async function checkFile(
  source: ConfigSource,
  kind: Exclude<FileKind, "slos">,
  io: CommandIo,
): Promise<Checked> {
  switch (kind) {
    case "rules": {
      const { groups, problems } = readRuleFile(source);
      return { ...NO_SLOS, problems, sources: [source], rules: countRules(groups) };
    }
    case "alertmanager":
      return { ...NO_SLOS, problems: readAlertmanagerFile(source).problems, sources: [source] };
    case "rule tests":
      return { ...NO_SLOS, problems: readRuleTestFile(source).problems, sources: [source] };
    case "config": {
      const { setup, problems, sources, origins } = await loadSetup(
        source.file,
        dirname(source.file),
        io.env,
      );
      const rules = countRules(setup?.watch?.ruleGroups ?? []) + (setup?.watch?.slos.length ?? 0);
      return { problems, sources, rules, origins };
    }
  }
}

type FileKind = "rules" | "alertmanager" | "rule tests" | "slos" | "config";

const NO_SLOS = { rules: 0, origins: new Map() } as const;

/** The kind of a file by its keys; a file that cannot be read as YAML counts as a configuration, which will say so. */
function kindOf(source: ConfigSource): FileKind {
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
