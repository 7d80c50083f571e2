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
import { Mode, type Parts, partsOf } from "./mode.js";
import { CollectorConfig } from "./schema.js";
import type { WholeConfig } from "./watch-schema.js";

/** A configuration that was read and found whole, or every reason why it is not. */
export type LoadedConfig =
  | {
      ok: true;
      config: CollectorConfig;
      /** The same with SLOs, rules and alerts; undefined where `parts.watch` is not wanted. */
      whole: WholeConfig | undefined;
      parts: Parts;
      document: ConfigDocument | undefined;
      source: ConfigSource | undefined;
    }
  | { ok: false; problems: Problem[]; source: ConfigSource };

/** What decides, beside the file, which parts a collector has. */
export interface LoadOptions {
  /** Instead of the file's own mode. */
  readonly mode?: Mode | undefined;
  /** Parts that run already, for a reload. */
  readonly running?: Parts | undefined;
}

/**
 * Reads and checks `tocsin.yaml`.
 *
 * @param file undefined gives the defaults
 * @throws {CollectorError} CONFIG_UNREADABLE when the file cannot be read at all
 */
export async function loadConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  options: LoadOptions = {},
): Promise<LoadedConfig> {
  if (file === undefined) return defaults(undefined, options);
  const source = { file, text: await readConfigText(file) };
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
  if (!document || document.value === undefined || document.value === null) return defaults(source, options);
  return check(document, source, options);
}

async function defaults(source: ConfigSource | undefined, options: LoadOptions): Promise<LoadedConfig> {
  const mode = options.mode ?? "standalone";
  const parts = partsOf(mode, [], options.running);
  const whole = parts.watch ? (await wholeSchema()).parse({ mode }) : undefined;
  const config = whole ?? CollectorConfig.parse({ mode });
  return { ok: true, config, whole, parts, document: undefined, source };
}

async function check(
  document: ConfigDocument,
  source: ConfigSource,
  options: LoadOptions,
): Promise<LoadedConfig> {
  const written = (document.value ?? {}) as { mode?: unknown };
  const mode = options.mode ?? Mode.safeParse(written.mode).data ?? "standalone";
  const parts = partsOf(mode, Object.keys(written), options.running);
  if (!parts.watch) {
    const result = validate(CollectorConfig, document);
    if (result.ok) {
      return { ok: true, config: { ...result.value, mode }, whole: undefined, parts, document, source };
    }
    // Its faults are told from the whole schema, which knows every key that may have been meant.
  }
  const result = validate(await wholeSchema(), document);
  if (!result.ok) return { ok: false, problems: sortProblems(result.problems), source };
  const whole = { ...result.value, mode };
  return { ok: true, config: whole, whole, parts: { ...parts, watch: true }, document, source };
}

/** Loads what rules and alerts are checked with, which is most of the code of a configuration. */
async function wholeSchema(): Promise<typeof WholeConfig> {
  return (await import("./watch-schema.js")).WholeConfig;
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
