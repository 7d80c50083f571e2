import { parseArgs } from "node:util";
import { messageOf, nearestName } from "@tocsin/model";
import { UsageError } from "./command.js";

/** The flags a command knows; every flag also has `--name=value`, and booleans stand alone. */
export type FlagSpec = Readonly<
  Record<string, { type: "string" | "boolean"; short?: string; multiple?: boolean }>
>;

type FlagValue<F extends { type: string; multiple?: boolean }> = F extends { multiple: true }
  ? string[]
  : F extends { type: "boolean" }
    ? boolean
    : string;

export interface Parsed<S extends FlagSpec> {
  readonly flags: { readonly [K in keyof S]?: FlagValue<S[K]> };
  readonly positionals: readonly string[];
}

/**
 * Reads command-line arguments.
 *
 * @throws {UsageError} on an unknown flag (with the nearest known one) or a missing value
 */
export function parseFlags<const S extends FlagSpec>(spec: S, args: readonly string[]): Parsed<S> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: spec,
      allowPositionals: true,
      allowNegative: true,
    });
    return { flags: values as Parsed<S>["flags"], positionals };
  } catch (error) {
    const unknown = /Unknown option '(--?[^' ]+)/.exec(messageOf(error))?.[1];
    if (unknown === undefined) throw new UsageError(messageOf(error).split(". To specify")[0]);
    const nearest = nearestName(unknown.replace(/^-+/, ""), Object.keys(spec));
    throw new UsageError(`Unknown flag ${unknown}.${nearest ? ` Did you mean --${nearest}?` : ""}`);
  }
}

/**
 * Reads a port number from a flag; 0 means "any free one".
 *
 * @throws {UsageError}
 */
export function portFlag(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`--${name} ${text} is not a port. Write a number from 0 (any free one) to 65535.`);
}
