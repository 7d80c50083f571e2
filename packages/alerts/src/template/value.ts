import { GoTime } from "./go-time.js";

/**
 * How Go's values look here: string, bool and nil as themselves; int as bigint and float64 as number, so that
 * the two stay apart as they do in Go; slice as array; map as Map; struct as plain object. Methods of any object
 * stand under METHODS.
 */
export type GoKind =
  | "nil"
  | "bool"
  | "string"
  | "int"
  | "float"
  | "slice"
  | "map"
  | "func"
  | "time"
  | "struct";

export const METHODS = Symbol("methods");

/** Text that is already HTML, and is not escaped again. */
export class SafeHtml {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export function kindOf(value: unknown): GoKind {
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "function":
      return "func";
    case "object":
      if (value === null) return "nil";
      if (value instanceof SafeHtml) return "string";
      if (Array.isArray(value)) return "slice";
      if (value instanceof Map) return "map";
      return value instanceof GoTime ? "time" : "struct";
    default:
      return "nil";
  }
}

/** Go's idea of an empty value: false, 0, nil, and anything of length zero. Structs are never empty. */
export function isTrue(value: unknown): boolean {
  switch (kindOf(value)) {
    case "nil":
      return false;
    case "bool":
      return value as boolean;
    case "int":
      return value !== 0n;
    case "float":
      return value !== 0;
    case "string":
      return textOf(value) !== "";
    case "slice":
      return (value as unknown[]).length > 0;
    case "map":
      return (value as Map<string, unknown>).size > 0;
    default:
      return true;
  }
}

export function textOf(value: unknown): string {
  return value instanceof SafeHtml ? value.text : String(value);
}

/** Keys in the order in which Go's templates walk a map. */
export function sortedKeys(map: ReadonlyMap<string, unknown>): string[] {
  return [...map.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Gives a value methods that templates can call. */
export function withMethods<T extends object>(
  value: T,
  methods: Record<string, (...args: never[]) => unknown>,
): T {
  Object.defineProperty(value, METHODS, { value: methods });
  return value;
}
