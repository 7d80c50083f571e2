/**
 * Puts the values of `param_<name>` into the `{name:Type}` places of a query.
 *
 * The engine can bind parameters itself, but as a library it keeps them in one place for the whole process: two
 * queries at the same time on different connections see each other's values. So the shell binds them, with the rules of
 * ClickHouse's HTTP interface: scalar values arrive escaped as in TabSeparated, arrays, maps and tuples as literals.
 * Every value becomes a quoted string that is cast to the type, so that no value can become SQL.
 *
 * @param values names without the `param_` prefix
 * @returns the query, or which parameter it needs and was not given
 */
export function bindParameters(
  sql: string,
  values: ReadonlyMap<string, string>,
): { ok: true; sql: string } | { ok: false; missing: string } {
  let bound = "";
  for (let at = 0; at < sql.length; ) {
    const skipped = matchAt(SKIPPED, sql, at);
    if (skipped) {
      bound += skipped[0];
      at += skipped[0].length;
      continue;
    }
    const place = matchAt(PLACE, sql, at);
    if (place) {
      const [text, name = "", type = ""] = place;
      const value = values.get(name);
      if (value === undefined) return { ok: false, missing: name };
      bound += literal(value, type.trim());
      at += text.length;
      continue;
    }
    bound += sql[at];
    at += 1;
  }
  return { ok: true, sql: bound };
}

/** String literals, quoted identifiers and comments: text in which braces mean nothing. */
const SKIPPED = /'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*"|--[^\n]*|\/\*.*?\*\//sy;

/** `{name:Type}`; a map literal such as `{'a':1}` does not begin with a name. */
const PLACE = /\{\s*([A-Za-z_]\w*)\s*:\s*([^{}]+)\}/y;

/** Applies a sticky expression at one place. */
function matchAt(expression: RegExp, text: string, at: number): RegExpExecArray | null {
  expression.lastIndex = at;
  return expression.exec(text);
}

function literal(value: string, type: string): string {
  if (type === "Identifier") return `\`${unescapeTsv(value).replace(/[\\`]/g, "\\$&")}\``;
  if (value === "\\N") return `_CAST(NULL, ${quoteString(type)})`;
  const text = /^(Array|Map|Tuple|Nested)\b/.test(type) ? value : unescapeTsv(value);
  return `_CAST(${quoteString(text)}, ${quoteString(type)})`;
}

/** A string as a literal of ClickHouse's SQL. */
export function quoteString(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&").replace(/\0/g, "\\0").replace(/\n/g, "\\n")}'`;
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", b: "\b", f: "\f", 0: "\0" };

function unescapeTsv(text: string): string {
  return text.replace(/\\(.)/gs, (_, escaped: string) => ESCAPES[escaped] ?? escaped);
}
