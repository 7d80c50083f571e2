import type { ConfigSource } from "./source.js";

/** One fault of a file that a person wrote, with its place. Lines and columns count from 1. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** How many characters the caret underlines. */
  readonly length: number;
  readonly severity: "error" | "warning";
  /** Stable, such as `config/unknown-key`. */
  readonly code: string;
  /** What is wrong, without the place. */
  readonly message: string;
  /** What to do, when it is not plain from the message. */
  readonly hint?: string | undefined;
}

/** One line, made for logs and error messages: `tocsin.yaml:14:16 slos[2].objective: …`. */
export function formatProblemLine(problem: Problem): string {
  const hint = problem.hint ? ` ${problem.hint}` : "";
  return `${problem.file}:${problem.line}:${problem.column} ${problem.message}${hint}`;
}

/**
 * A problem with its source line and a caret under the exact span, as compilers print it.
 *
 * @param source the file it came from; without it only the first line is given
 */
export function formatProblem(problem: Problem, source: ConfigSource | undefined): string {
  const { file, line, column, severity, code, message, hint } = problem;
  const head = `${file}:${line}:${column} ${severity}[${code}] ${message}`;
  const written = source?.text.split(/\r?\n/)[line - 1];
  const text = written === undefined ? undefined : withoutSecrets(written);
  if (text === undefined) return hint ? `${head}\n     = ${hint}` : head;
  const number = String(line).padStart(4);
  const gap = text.slice(0, column - 1).replace(/[^\t]/g, " ");
  const caret = "^".repeat(Math.max(1, Math.min(problem.length, text.length - column + 1)));
  return `${head}\n${number} | ${text}\n     | ${gap}${caret}${hint ? ` ${hint}` : ""}`;
}

/** A value behind the name of a field or of a header that holds a secret, or the list behind `secrets`. */
const SECRET_VALUE =
  /((?:^|[\s,{["'-])(?:\w*(?:secret|token|password|passphrase|credentials|[_-]key|apikey)|secrets|x-[\w-]+|(?:proxy-)?authorization|cookie)["']?\s*[:=]\s*)(\$\{\w+\}|"(?:[^"\\]|\\.)*"|'[^']*'|\[[^\]]*\]?|[^\s,}\]#"'[{][^,}\]#]*)/gi;
/** What follows the host of an address: of incoming webhooks that is the secret. */
const URL_PATH = /(\b[a-z][a-z\d+.-]*:\/\/(?:[^\s/"'@,}]+@)?[^\s/"'?#,}\]]+[/?])([^\s"',}\]]+)/gi;
const URL_USER = /(\b[a-z][a-z\d+.-]*:\/\/)([^\s/"'@,}]+)(?=@)/gi;

/** A line of a file with secrets blotted out, every character by another one, so that a caret stays where it points. */
function withoutSecrets(line: string): string {
  const blot = (_whole: string, before: string, value: string): string =>
    // A name of the environment is no secret; neither are quotes and brackets.
    before + (/^["']?\$\{\w+\}["']?\s*$/.test(value) ? value : value.replace(/[^\s"'[\],]/g, "*"));
  return line.replace(SECRET_VALUE, blot).replace(URL_USER, blot).replace(URL_PATH, blot);
}

/** Problems in the order of their files and places, each only once. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const files = [...new Set(problems.map((problem) => problem.file))];
  const seen = new Set<string>();
  return [...problems]
    .sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column)
    .filter((problem) => {
      const key = `${formatProblemLine(problem)} ${problem.code}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
}
