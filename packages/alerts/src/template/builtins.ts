import { formatValue, sprintf } from "./printf.js";
import { isTrue, kindOf, SafeHtml, textOf } from "./value.js";

/** The functions of Go's text/template itself; `and` and `or` are part of the walk, as they stop early. */
export const BUILTINS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  not: (value: unknown) => !isTrue(value),
  len: (value: unknown) => {
    const kind = kindOf(value);
    if (kind === "string") return BigInt(Buffer.byteLength(textOf(value)));
    if (kind === "slice") return BigInt((value as unknown[]).length);
    if (kind === "map") return BigInt((value as Map<string, unknown>).size);
    throw new Error(`len of ${kind === "nil" ? "nil pointer" : `type ${kind}`}`);
  },
  index: (value: unknown, ...keys: unknown[]) => keys.reduce(indexOne, value),
  slice: (value: unknown, from: unknown = 0n, to?: unknown) => {
    const items = kindOf(value) === "string" ? Buffer.from(textOf(value)) : value;
    if (!Array.isArray(items) && !Buffer.isBuffer(items))
      throw new Error(`can't slice item of type ${kindOf(value)}`);
    const [start, end] = [Number(from), to === undefined ? items.length : Number(to)];
    if (!(start >= 0 && end >= start && end <= items.length)) throw new Error("slice bounds out of range");
    return Buffer.isBuffer(items) ? items.subarray(start, end).toString() : items.slice(start, end);
  },
  call: (target: unknown, ...args: unknown[]) => {
    if (typeof target !== "function") throw new Error("non-function");
    return target(...args);
  },
  print: (...args: unknown[]) => print(args),
  printf: (format: unknown, ...args: unknown[]) => sprintf(textOf(format), args),
  println: (...args: unknown[]) => `${args.map(formatValue).join(" ")}\n`,
  html: (...args: unknown[]) =>
    replaceEach(print(args), { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" }),
  js: (...args: unknown[]) =>
    replaceEach(print(args), {
      "\\": "\\\\",
      "'": "\\'",
      '"': '\\"',
      "<": "\\u003C",
      ">": "\\u003E",
      "&": "\\u0026",
      "=": "\\u003D",
      "\n": "\\u000A",
    }),
  urlquery: (...args: unknown[]) => queryEscape(print(args)),
  eq: (first: unknown, second: unknown, ...others: unknown[]) =>
    [second, ...others].some((other) => isEqual(first, other)),
  ne: (first: unknown, second: unknown) => !isEqual(first, second),
  lt: (first: unknown, second: unknown) => compare(first, second) < 0,
  le: (first: unknown, second: unknown) => compare(first, second) <= 0,
  gt: (first: unknown, second: unknown) => compare(first, second) > 0,
  ge: (first: unknown, second: unknown) => compare(first, second) >= 0,
};

function indexOne(value: unknown, key: unknown): unknown {
  const kind = kindOf(value);
  if (kind === "map") return (value as Map<string, unknown>).get(textOf(key)) ?? "";
  if (kind !== "slice" && kind !== "string") throw new Error(`can't index item of type ${kind}`);
  if (kindOf(key) !== "int") throw new Error(`cannot index slice/array with type ${kindOf(key)}`);
  const items = kind === "string" ? Buffer.from(textOf(value)) : (value as unknown[]);
  const at = Number(key as bigint);
  if (at < 0 || at >= items.length) throw new Error(`index out of range: ${at}`);
  const item: unknown = items[at];
  return kind === "string" ? BigInt(item as number) : item;
}

/** Go's fmt.Sprint: a space between two operands when neither is a string. */
function print(args: readonly unknown[]): string {
  return args.reduce<string>((text, arg, index) => {
    const isSpaced = index > 0 && kindOf(arg) !== "string" && kindOf(args[index - 1]) !== "string";
    return text + (isSpaced ? " " : "") + formatValue(arg);
  }, "");
}

function isEqual(a: unknown, b: unknown): boolean {
  const [left, right] = [kindOf(a), kindOf(b)];
  if (left === "nil" || right === "nil") return left === right;
  if (left !== right) throw new Error(`incompatible types for comparison: ${left} and ${right}`);
  if (left === "slice" || left === "map" || left === "struct") throw new Error(`non-comparable type ${left}`);
  return left === "string" ? textOf(a) === textOf(b) : a === b;
}

function compare(a: unknown, b: unknown): number {
  const [left, right] = [kindOf(a), kindOf(b)];
  if (left !== right) throw new Error(`incompatible types for comparison: ${left} and ${right}`);
  if (left === "string") {
    const [first, second] = [textOf(a), textOf(b)];
    return first < second ? -1 : first > second ? 1 : 0;
  }
  if (left !== "int" && left !== "float") throw new Error(`invalid type for comparison: ${left}`);
  const [first, second] = [a as number, b as number];
  return first < second ? -1 : first > second ? 1 : 0;
}

function replaceEach(text: string, entities: Readonly<Record<string, string>>): string {
  return [...text].map((char) => entities[char] ?? char).join("");
}

/** Go's url.QueryEscape. */
export function queryEscape(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

export function asText(value: unknown): string {
  if (kindOf(value) !== "string")
    throw new Error(`wrong type: expected string; found ${kindOf(value)} ${formatValue(value)}`);
  return textOf(value);
}

export function safeHtml(text: unknown): SafeHtml {
  return new SafeHtml(textOf(text));
}
