import { parseDuration } from "@tocsin/model";

/**
 * Value of a number or duration literal without its sign; a duration counts in seconds.
 * `NaN` that does not come from writing `NaN` cannot occur: the grammar lets only numbers through.
 */
export function readNumber(text: string): { value: number; isDuration: boolean } {
  const lower = text.toLowerCase();
  if (lower === "inf") return { value: Number.POSITIVE_INFINITY, isDuration: false };
  if (lower === "nan") return { value: Number.NaN, isDuration: false };
  const digits = lower.replaceAll("_", "");
  if (/^0x/.test(digits)) return { value: Number(digits), isDuration: false };
  if (/[wydhms]/.test(digits)) return { value: parseDuration(digits) / 1000, isDuration: true };
  // A leading zero makes an integer octal, as in Go.
  if (/^0[0-7]+$/.test(digits)) return { value: Number.parseInt(digits, 8), isDuration: false };
  return { value: Number(digits), isDuration: false };
}

/** Characters of the one-letter escapes of Go strings. */
const ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

/**
 * Unescapes a quoted PromQL string (Go's rules; backticks take everything as it is). Bytes written as `\xNN` or octal are
 * read as UTF-8 together with their neighbours.
 *
 * @returns the text, or the reason why it is not a string
 */
export function readString(text: string): { value: string } | { fault: string } {
  const quote = text[0] ?? "";
  if (text.length < 2 || text[text.length - 1] !== quote) return { fault: "unterminated quoted string" };
  const body = text.slice(1, -1);
  if (quote === "`") return { value: body };
  if (body.includes("\n")) return { fault: "unterminated quoted string" };
  if (!body.includes("\\")) return { value: body };
  let value = "";
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) value += new TextDecoder().decode(Uint8Array.from(bytes));
    bytes = [];
  };
  for (let i = 0; i < body.length; i++) {
    const character = body[i] ?? "";
    if (character !== "\\") {
      flush();
      value += character;
      continue;
    }
    const code = body[++i] ?? "";
    const simple = code === quote ? quote : ESCAPES[code];
    const digits = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(
      body.slice(i),
    );
    if (simple !== undefined) {
      flush();
      value += simple;
    } else if (digits?.[1] !== undefined || digits?.[4] !== undefined) {
      bytes.push(
        digits[1] === undefined ? Number.parseInt(digits[4] ?? "", 8) : Number.parseInt(digits[1], 16),
      );
      i += digits[0].length - 1;
    } else if (digits !== null && Number.parseInt(digits[2] ?? digits[3] ?? "", 16) <= 0x10ffff) {
      flush();
      value += String.fromCodePoint(Number.parseInt(digits[2] ?? digits[3] ?? "", 16));
      i += digits[0].length - 1;
    } else {
      // When the closing quote itself is escaped, the string never ended.
      if (i >= body.length) return { fault: "unterminated quoted string" };
      return { fault: `unknown escape sequence U+${codePoint(code)} '${code}'` };
    }
  }
  flush();
  return { value };
}

function codePoint(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
