import type { Attributes } from "@opentelemetry/api";

/**
 * Hides the values that stand in an SQL text, as semantic conventions ask of what is not parametrised: drivers such as mysql's
 * and mappers such as Sequelize write them there themselves. Placeholders, names and comments stay as they are.
 */
export function hideQueryValues(attributes: Attributes): void {
  const text = attributes["db.query.text"];
  if (typeof text !== "string" || !VALUE.test(text)) return;
  const system = String(attributes["db.system.name"]);
  if (MYSQL.test(system)) attributes["db.query.text"] = text.replace(MYSQL_PARTS, shown);
  else if (SQL.test(system)) attributes["db.query.text"] = text.replace(PARTS, shown);
}

/** A part of the text: the value, where it is one, is in the first group. */
function shown(part: string, value: string | undefined): string {
  return value === undefined ? part : "?";
}

const MYSQL = /^(?:mysql|mariadb)$/;
const SQL = /^(?:postgresql|microsoft\.sql_server|oracle\.db|sqlite|cassandra)$/;
/** A quote, or a number that is not part of a name or a placeholder. */
const VALUE = /['"]|(?<![\w$@:.])\d/;
const NUMBER = String.raw`(?<![\w$@:.])(?:0x[\da-f]+|\d[\d.]*(?:e[+-]?\d+)?)(?![\w.])`;
const COMMENT = String.raw`--[^\n]*|/\*[^]*?(?:\*/|$)`;
/** A text may have been cut within a quotation, which then goes to its end. */
const ESCAPED = String.raw`'(?:[^'\\]|''|\\[^])*(?:'|$)`;
const PARTS = new RegExp(
  String.raw`(\bE${ESCAPED}|'(?:[^']|'')*(?:'|$)|${NUMBER})|"(?:[^"]|"")*(?:"|$)|${COMMENT}`,
  "gi",
);
const MYSQL_PARTS = new RegExp(
  String.raw`(${ESCAPED}|"(?:[^"\\]|""|\\[^])*(?:"|$)|${NUMBER})|${"`"}[^${"`"}]*(?:${"`"}|$)|${COMMENT}`,
  "gi",
);
