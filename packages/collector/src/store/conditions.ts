import type { SqlParams } from "./sql.js";

/** An attribute that must be there, with a value or with any. */
export interface AttributeFilter {
  readonly key: string;
  /** Any value when absent. */
  readonly value?: string;
}

/** Conditions of a query with the values that they name; values never stand in the text. */
export class Conditions {
  readonly #texts: string[] = [];
  readonly #params: Record<string, SqlParams[string]> = {};

  /** Adds a condition; `?` stands for the place of the value of the given type. */
  add(text: string, type: string, value: SqlParams[string]): this {
    const name = `p${Object.keys(this.#params).length}`;
    this.#params[name] = value;
    this.#texts.push(text.replaceAll("?", `{${name}:${type}}`));
    return this;
  }

  /** Registers a value that is part of a larger expression; `use` is given its place. */
  value(value: SqlParams[string], type: string, use: (place: string) => string): string {
    const name = `p${Object.keys(this.#params).length}`;
    this.#params[name] = value;
    return use(`{${name}:${type}}`);
  }

  /** The same for a value that may be absent: then there is no condition. */
  addIf(text: string, type: string, value: SqlParams[string] | undefined): this {
    return value === undefined ? this : this.add(text, type, value);
  }

  /** An attribute in any of the given map columns. */
  addAttribute({ key, value }: AttributeFilter, columns: readonly string[]): this {
    const name = `p${Object.keys(this.#params).length}`;
    this.#params[name] = key;
    if (value === undefined) {
      this.#texts.push(
        `(${columns.map((column) => `mapContains(${column}, {${name}:String})`).join(" OR ")})`,
      );
      return this;
    }
    this.#params[`${name}v`] = value;
    // The key must be there: a map gives "" for keys that it does not have.
    const one = (column: string) =>
      `(mapContains(${column}, {${name}:String}) AND ${column}[{${name}:String}] = {${name}v:String})`;
    this.#texts.push(`(${columns.map(one).join(" OR ")})`);
    return this;
  }

  get where(): string {
    return this.#texts.length === 0 ? "1" : this.#texts.join("\n  AND ");
  }

  get params(): SqlParams {
    return this.#params;
  }
}

/** Exact nanoseconds of an instant, as the text that a 64-bit parameter takes. */
export function nanosOf(timeMs: number): string {
  const whole = Math.floor(timeMs);
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((timeMs - whole) * 1e6)));
}
