import { createRequire } from "node:module";
import type { Env } from "./env.js";

/**
 * Parses YAML and puts environment variables where its values refer to them: `${NAME}`, `${env:NAME}`, `${NAME:-default}`;
 * `$$` is a dollar sign. What a variable holds is one value, whatever is in it: it cannot bring in structure of its own.
 *
 * @throws Error with the place of what is no YAML or no reference
 * @see https://opentelemetry.io/docs/specs/otel/configuration/data-model/#environment-variable-substitution
 */
export function parseWithReferences(text: string, env: Env): unknown {
  // Loaded when there is a file.
  const yaml = createRequire(import.meta.url)("yaml") as typeof import("yaml");
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines });
  const [fault] = document.errors;
  if (fault !== undefined) throw new Error(fault.message.split("\n", 1)[0]);
  yaml.visit(document, {
    Scalar: (key, node) => {
      // Names of settings are not substituted.
      if (key === "key" || typeof node.value !== "string" || !node.value.includes("$")) return;
      const { line, col } = lines.linePos(node.range?.[0] ?? 0);
      const value = substitute(node.value, env, `${line}:${col}`);
      if (value === node.value) return;
      // Quoted values stay text; plain ones are read anew, so that `${PORT}` is a number.
      const isPlain = node.type === yaml.Scalar.PLAIN;
      node.value = isPlain ? plainValue(value) : value;
    },
  });
  return document.toJS();
}

const REFERENCE = /\$\$|\$\{([^}\n]*)\}?/g;
const INNER = /^(?:env:)?([A-Za-z_]\w*)(?::-(.*))?$/;

function substitute(text: string, env: Env, place: string): string {
  return text.replaceAll(REFERENCE, (match, inner: string) => {
    if (match === "$$") return "$";
    const parts = match.endsWith("}") ? INNER.exec(inner) : null;
    if (parts === null)
      throw new Error(`${place} has ${match}, which is no reference; \${NAME} and \${NAME:-default} are`);
    const value = env[parts[1] ?? ""];
    return value === undefined || value === "" ? (parts[2] ?? "") : value;
  });
}

/** A scalar by YAML's core schema: nothing, a truth, a number, else text. */
function plainValue(text: string): unknown {
  if (/^(?:~|null|Null|NULL)?$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}
