import { RE2JS } from "re2js";
import { z } from "zod";
import { ValueKind } from "../otlp/columns.js";
import { textAt } from "../otlp/index.js";
import type { AttributeSlice, RewriteRules } from "../otlp/rewrite.js";

/** RE2 syntax: matching takes time linear in the text, whatever the pattern. */
const pattern = z.string().refine(
  (text) => {
    try {
      RE2JS.compile(text);
      return true;
    } catch {
      return false;
    }
  },
  { message: "This is not a regular expression in RE2 syntax." },
);

export const RedactConfig = z.strictObject({
  drop_attributes: z
    .array(pattern)
    .default([])
    .describe("Attributes whose whole name matches are left out, for example `enduser\\..*`."),
  mask_attributes: z
    .array(pattern)
    .default([])
    .describe("Attributes whose whole name matches keep their name; their value becomes the replacement."),
  mask_values: z
    .array(pattern)
    .default([])
    .describe("Every match inside a text value or a log body becomes the replacement."),
  replacement: z.string().default("***").describe("What masked text becomes."),
});
export type RedactConfig = z.infer<typeof RedactConfig>;

/** How many attribute names are remembered with their verdict; names are few, values are many. */
const MAX_NAMES = 4_096;

/** The rewriting rule of a redaction; undefined when there is nothing to redact. */
export function redactAttributes(config: RedactConfig): RewriteRules["attribute"] | undefined {
  const drop = config.drop_attributes.map((text) => RE2JS.compile(text));
  const mask = config.mask_attributes.map((text) => RE2JS.compile(text));
  const values = config.mask_values.map((text) => RE2JS.compile(text));
  if (drop.length + mask.length + values.length === 0) return undefined;
  const verdicts = new Map<string, "drop" | "mask" | "look">();

  return (attribute) => {
    const verdict = attribute.owner === "body" ? "look" : verdictOf(nameOf(attribute));
    if (verdict === "drop") return "drop";
    if (verdict === "mask") return { text: config.replacement };
    if (attribute.kind !== ValueKind.string || values.length === 0) return "keep";
    const text = textAt(attribute.bytes, attribute.start, attribute.end);
    const masked = values.reduce(
      (rest, regex) => regex.matcher(rest).replaceAll(() => config.replacement),
      text,
    );
    return masked === text ? "keep" : { text: masked };
  };

  function verdictOf(name: string): "drop" | "mask" | "look" {
    const known = verdicts.get(name);
    if (known) return known;
    const verdict = drop.some((regex) => regex.matches(name))
      ? "drop"
      : mask.some((regex) => regex.matches(name))
        ? "mask"
        : "look";
    if (verdicts.size >= MAX_NAMES) verdicts.clear();
    verdicts.set(name, verdict);
    return verdict;
  }
}

function nameOf({ bytes, keyStart, keyEnd }: AttributeSlice): string {
  return textAt(bytes, keyStart, keyEnd);
}
