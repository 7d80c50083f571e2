import { z } from "zod";
import { nearestName } from "../nearest-name.js";
import type { Problem } from "./problem.js";
import type { ConfigDocument, Path } from "./source.js";

/** The value of a document in the schema's output form, or every reason why it has none. */
export type Validated<T> = { ok: true; value: T } | { ok: false; problems: Problem[] };

/**
 * Checks a document against a schema; every fault comes with its place, unknown keys with the nearest known name.
 *
 * @param base where in the document the schema applies, for files that hold several things
 */
export function validate<T extends z.ZodType>(
  schema: T,
  document: ConfigDocument,
  base: Path = [],
): Validated<z.output<T>> {
  const result = schema.safeParse(valueAt(document.value, base));
  if (result.success) return { ok: true, value: result.data };
  const problems = result.error.issues.flatMap((issue) => issueProblems(issue, schema, document, base));
  return { ok: false, problems };
}

type Issue = z.core.$ZodIssue;

function issueProblems(issue: Issue, schema: z.ZodType, document: ConfigDocument, base: Path): Problem[] {
  const path = [...base, ...issue.path.map((step) => (typeof step === "number" ? step : String(step)))];
  const where = formatPath(path);
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, path.slice(base.length));
    return issue.keys.map((key) => {
      const nearest = nearestName(key, known);
      return document.problemAtKey([...path, key], {
        code: "config/unknown-key",
        message: `${where === "" ? "" : `${where}: `}unknown key "${key}".`,
        hint: nearest
          ? `Did you mean "${nearest}"?`
          : known.length > 0
            ? `Known here: ${known.join(", ")}.`
            : undefined,
      });
    });
  }
  if (issue.code === "invalid_union") {
    const deepest = closestBranch(issue.errors);
    if (deepest) {
      return deepest.flatMap((inner) =>
        issueProblems({ ...inner, path: [...issue.path, ...inner.path] } as Issue, schema, document, base),
      );
    }
  }
  const prefix = where === "" ? "" : `${where}: `;
  const choices = choicesOf(issue);
  if (choices.length > 1) {
    const seen = valueAt(document.value, path);
    const nearest = typeof seen === "string" ? nearestName(seen, choices) : undefined;
    return [
      document.problemAt(path, {
        code: "config/unknown-value",
        message: `${prefix}${seen === undefined ? "missing" : `unknown value ${JSON.stringify(seen)}`}; one of ${choices.join(", ")}.`,
        hint: nearest && `Did you mean "${nearest}"?`,
      }),
    ];
  }
  const message = issue.code === "custom" ? issue.message : describe(issue);
  return [document.problemAt(path, { code: "config/invalid", message: `${prefix}${message}` })];
}

/** What may stand where something else was found; empty when that is not a choice between texts. */
function choicesOf(issue: Issue): string[] {
  if (issue.code === "invalid_value") return issue.values.map(String);
  // A union told apart by one of its keys names that key's values.
  const options = issue.code === "invalid_union" ? (issue as { options?: unknown }).options : undefined;
  return Array.isArray(options) ? options.map(String) : [];
}

/** Of a union's failed branches the one that got furthest is the one that was meant. */
function closestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const reached = branches
    .map((issues) => ({
      issues,
      depth: Math.max(
        0,
        ...issues.map((issue) => issue.path.length + (issue.code === "unrecognized_keys" ? 1 : 0)),
      ),
    }))
    .sort((a, b) => b.depth - a.depth || a.issues.length - b.issues.length)[0];
  return reached && reached.depth > 0 ? reached.issues : undefined;
}

function describe(issue: Issue): string {
  const text = issue.message.replace(/^Invalid input: /, "");
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[step] : undefined,
    value,
  );
}

/** The way to a value as people write it: `slos[2].objective`. */
export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, step) => (typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`),
    "",
  );
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  prefixItems?: JsonSchema[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
}

/** Names that the schema knows at a path, over every branch of its unions. */
function knownKeys(schema: z.ZodType, path: Path): string[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  let reached = expand([root], root);
  for (const step of path) {
    reached = expand(
      reached.flatMap((inner) => {
        if (typeof step === "number")
          return [inner.prefixItems?.[step] ?? inner.items].filter((item) => item !== undefined);
        const property = inner.properties?.[step] ?? inner.additionalProperties;
        return typeof property === "object" ? [property] : [];
      }),
      root,
    );
  }
  return [...new Set(reached.flatMap((inner) => Object.keys(inner.properties ?? {})))].sort();
}

function expand(schemas: readonly JsonSchema[], root: JsonSchema, depth = 0): JsonSchema[] {
  if (depth > 16) return [...schemas];
  return schemas.flatMap((schema) => {
    const name = schema.$ref?.replace("#/$defs/", "");
    const target = name === undefined ? undefined : name === "#" ? root : root.$defs?.[name];
    const branches = [
      ...(schema.anyOf ?? []),
      ...(schema.oneOf ?? []),
      ...(schema.allOf ?? []),
      ...(target ? [target] : []),
    ];
    return [schema, ...expand(branches, root, depth + 1)];
  });
}
