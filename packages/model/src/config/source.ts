import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  visit,
} from "yaml";
import type { Problem } from "./problem.js";

/** A file as it was read: its name for messages, and its text. */
export interface ConfigSource {
  readonly file: string;
  readonly text: string;
}

/** A key (string) or an index (number) on the way to a value. */
export type Path = readonly (string | number)[];

/** One YAML document whose values know their places. */
export interface ConfigDocument {
  readonly source: ConfigSource;
  /** The plain value; `undefined` for an empty document. */
  readonly value: unknown;
  /** A problem at the value that `path` leads to, or at the nearest parent that exists. */
  problemAt(path: Path, problem: ProblemText): Problem;
  /** A problem at the key itself, for keys that should not be there. */
  problemAtKey(path: Path, problem: ProblemText): Problem;
  /** A problem inside a string value, `offset` characters after its first one, such as a fault in a query. */
  problemWithin(path: Path, offset: number, length: number, problem: ProblemText): Problem;
}

/** The words of a problem; the place is added by the document. */
export interface ProblemText {
  readonly code: string;
  readonly message: string;
  readonly severity?: "error" | "warning";
  readonly hint?: string | undefined;
}

/**
 * Reads every YAML document of a file. Syntax faults come back as problems, never as exceptions.
 *
 * @param options.env when given, `${NAME}` and `${NAME:-default}` in strings are replaced from it; a variable that is
 *   missing is a problem. `$$` stands for a dollar sign.
 */
export function readYaml(
  source: ConfigSource,
  options: { env?: Readonly<Record<string, string | undefined>> } = {},
): { documents: ConfigDocument[]; problems: Problem[] } {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(source.text, { lineCounter: lines, prettyErrors: false });
  const documents: ConfigDocument[] = [];
  const problems: Problem[] = [];
  for (const document of Array.isArray(parsed) ? parsed : []) {
    for (const error of document.errors) {
      problems.push(
        place(source, lines, error.pos, { code: "yaml/syntax", message: sentence(error.message) }),
      );
    }
    if (document.errors.length > 0) continue;
    if (options.env) problems.push(...interpolate(document, options.env, source, lines));
    try {
      documents.push(configDocument(document, source, lines));
    } catch (error) {
      // The library refuses aliases that would expand without bound only when the value is made.
      const message = error instanceof Error ? error.message : String(error);
      problems.push(place(source, lines, [0, 1], { code: "yaml/alias", message: sentence(message) }));
    }
  }
  return { documents, problems };
}

function configDocument(document: Document.Parsed, source: ConfigSource, lines: LineCounter): ConfigDocument {
  const value: unknown = document.toJS({ maxAliasCount: 1_000 }) ?? undefined;
  const at = (path: Path, prefer: "key" | "value", text: ProblemText) =>
    place(source, lines, rangeOf(document, path, prefer), text);
  return {
    source,
    value,
    problemAt: (path, text) => at(path, "value", text),
    problemAtKey: (path, text) => at(path, "key", text),
    problemWithin: (path, offset, length, text) => {
      const [start, end] = rangeOf(document, path, "value");
      const raw = source.text.slice(start, end);
      const from = start + rawOffset(raw, offset);
      return place(source, lines, [Math.min(from, Math.max(start, end - 1)), from + length], text);
    },
  };
}

function place(
  source: ConfigSource,
  lines: LineCounter,
  range: readonly [number, number],
  text: ProblemText,
): Problem {
  const { line, col } = lines.linePos(range[0]);
  const { severity = "error", code, message, hint } = text;
  const firstLineEnd = source.text.indexOf("\n", range[0]);
  const end = firstLineEnd === -1 ? range[1] : Math.min(range[1], firstLineEnd);
  const length = Math.max(1, end - range[0]);
  return { file: source.file, line: line || 1, column: col || 1, length, severity, code, message, hint };
}

/** Start and end offset of the deepest node on the path that exists. */
function rangeOf(document: Document.Parsed, path: Path, prefer: "key" | "value"): [number, number] {
  let node: unknown = document.contents;
  let range = nodeRange(node) ?? [0, 1];
  for (const [depth, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const isLast = depth === path.length - 1;
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => keyOf(item) === String(step));
      if (!pair) return range;
      const keyRange = nodeRange(pair.key);
      node = pair.value;
      range = (isLast && prefer === "key" ? keyRange : (nodeRange(node) ?? keyRange)) ?? range;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      if (isPair(node)) node = node.value;
      range = nodeRange(node) ?? range;
    } else return range;
  }
  return range;
}

function keyOf(pair: Pair): string {
  return String(isScalar(pair.key) ? pair.key.value : pair.key);
}

function nodeRange(node: unknown): [number, number] | undefined {
  const range = (node as Node | null | undefined)?.range;
  // An empty value has no length and stands after its key; the key is the better place then.
  return range && range[1] > range[0] ? [range[0], range[1]] : undefined;
}

/** Where character `offset` of a string's value stands in its raw form: quotes and block indents do not count. */
function rawOffset(raw: string, offset: number): number {
  if (raw.startsWith("|") || raw.startsWith(">")) {
    const body = raw.indexOf("\n") + 1;
    const indent = /^ */.exec(raw.slice(body).replace(/^\s*\n/, ""))?.[0].length ?? 0;
    let left = offset;
    let at = body;
    for (const line of raw.slice(body).split("\n")) {
      const content = Math.max(0, line.length - indent);
      if (left <= content) return at + Math.min(indent, line.length) + left;
      left -= content + 1;
      at += line.length + 1;
    }
    return at;
  }
  return raw.startsWith('"') || raw.startsWith("'") ? offset + 1 : offset;
}

const VARIABLE = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

function interpolate(
  document: Document.Parsed,
  env: Readonly<Record<string, string | undefined>>,
  source: ConfigSource,
  lines: LineCounter,
): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value !== "string" || !node.value.includes("$")) return;
      node.value = node.value.replace(
        VARIABLE,
        (whole, name: string | undefined, fallback: string | undefined) => {
          if (name === undefined) return "$";
          const value = env[name] ?? fallback;
          if (value !== undefined) return value;
          problems.push(
            place(source, lines, nodeRange(node) ?? [0, 1], {
              code: "config/missing-variable",
              message: `The environment variable ${name} is not set.`,
              hint: `Set it, or write \${${name}:-default}.`,
            }),
          );
          return whole;
        },
      );
    },
  });
  return problems;
}

function sentence(message: string): string {
  const first = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
