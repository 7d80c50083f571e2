import type { Field } from "./schema.js";

/**
 * A 64- or 32-bit integer as JSON may give it: a number, its text, or a text with a point or an exponent, as some
 * encoders write whole numbers. Undefined for what is none, or too large.
 */
export function integerOf(content: unknown, bits: 32 | 64): bigint | undefined {
  let value: bigint | undefined;
  if (typeof content === "number" && Number.isInteger(content)) value = BigInt(content);
  else if (typeof content === "string" && /^-?\d{1,20}$/.test(content)) value = BigInt(content);
  else if (typeof content === "string" && content !== "" && Number.isInteger(Number(content))) {
    value = BigInt(Number(content));
  }
  const limit = 1n << BigInt(bits);
  return value === undefined || value >= limit || value < -limit / 2n ? undefined : value;
}

/** A number, or its text; JSON has no NaN and no infinity, so these always come as text. */
export function doubleOf(content: unknown): number | undefined {
  if (typeof content === "number") return content;
  if (content === "NaN") return Number.NaN;
  if (typeof content !== "string" || content.trim() === "") return undefined;
  const value = Number(content);
  return Number.isNaN(value) ? undefined : value;
}

/** The number of an enum's value; a name that is not known counts as unspecified. */
export function enumOf(content: unknown, field: Field): bigint | undefined {
  if (typeof content === "string" && !/^-?\d+$/.test(content)) return BigInt(field.values?.[content] ?? 0);
  return integerOf(content, 32);
}

/** The bytes of an id in hex. */
export function hexOf(content: unknown): Buffer | undefined {
  return typeof content === "string" && content.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(content)
    ? Buffer.from(content, "hex")
    : undefined;
}

/** The bytes of a text in base64, of either alphabet. */
export function base64Of(content: unknown): Buffer | undefined {
  return typeof content === "string" && /^[A-Za-z0-9+/_-]*={0,2}$/.test(content)
    ? Buffer.from(content, "base64")
    : undefined;
}
