import { readFile } from "node:fs/promises";
import { messageOf } from "@tocsin/model";
import {
  type ConfigDocument,
  type ConfigSource,
  formatProblem,
  type Problem,
  readYaml,
  sortProblems,
  validate,
} from "@tocsin/model/config";
import { CollectorError } from "../errors.js";
import { CollectorConfig } from "./schema.js";

/** A configuration that was read and found whole, or every reason why it is not. */
export type LoadedConfig =
  | {
      ok: true;
      config: CollectorConfig;
      document: ConfigDocument | undefined;
      source: ConfigSource | undefined;
    }
  | { ok: false; problems: Problem[]; source: ConfigSource };

/**
 * Reads and checks `tocsin.yaml`.
 *
 * @param file undefined gives the defaults
 * @throws {CollectorError} CONFIG_UNREADABLE when the file cannot be read at all
 */
export async function loadConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LoadedConfig> {
  if (file === undefined)
    return { ok: true, config: CollectorConfig.parse({}), document: undefined, source: undefined };
  const source = { file, text: await readConfigText(file) };
  return parseConfig(source, env);
}

/** The same for a text that was read already. */
export function parseConfig(
  source: ConfigSource,
  env: Readonly<Record<string, string | undefined>>,
): LoadedConfig {
  const { documents, problems } = readYaml(source, { env });
  const [document, second] = documents;
  if (second) {
    problems.push(
      second.problemAt([], {
        code: "config/several-documents",
        message: "A configuration is one YAML document; this file has several.",
      }),
    );
  }
  if (problems.length > 0) return { ok: false, problems: sortProblems(problems), source };
  if (!document || document.value === undefined || document.value === null) {
    return { ok: true, config: CollectorConfig.parse({}), document: undefined, source };
  }
  const result = validate(CollectorConfig, document);
  if (!result.ok) return { ok: false, problems: sortProblems(result.problems), source };
  return { ok: true, config: result.value, document, source };
}

/** What `up` says when it refuses a configuration: every fault with its line. */
export function configError(problems: readonly Problem[], sources: readonly ConfigSource[]): CollectorError {
  const errors = problems.filter(({ severity }) => severity === "error");
  const count =
    errors.length === 1 ? "The configuration has a fault" : `The configuration has ${errors.length} faults`;
  const list = errors.map((problem) => formatProblem(problem, sourceOf(problem, sources))).join("\n");
  return new CollectorError("CONFIG_INVALID", `${count}:\n${list}`);
}

/** The file that a problem is about. */
export function sourceOf(problem: Problem, sources: readonly ConfigSource[]): ConfigSource | undefined {
  return sources.find(({ file }) => file === problem.file);
}

async function readConfigText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : messageOf(error);
    throw new CollectorError("CONFIG_UNREADABLE", `Cannot read the configuration ${file}: ${reason}.`, {
      cause: error,
    });
  }
}
