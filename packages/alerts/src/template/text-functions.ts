import { RE2JS } from "re2js";
import { asText, safeHtml } from "./builtins.js";
import type { TemplateFunction } from "./execute.js";
import { GoTime } from "./go-time.js";
import { formatFloat } from "./printf.js";
import { kindOf, textOf } from "./value.js";

/** Functions that rules and notifications share. */
export const TEXT_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  toUpper: (text: unknown) => asText(text).toUpperCase(),
  toLower: (text: unknown) => asText(text).toLowerCase(),
  title: (text: unknown) =>
    asText(text).replace(
      /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
      (_, before, letter) => before + letter.toUpperCase(),
    ),
  match: (pattern: unknown, text: unknown) => RE2JS.compile(asText(pattern)).matcher(asText(text)).find(),
  reReplaceAll: (pattern: unknown, replacement: unknown, text: unknown) =>
    replaceAll(asText(pattern), asText(replacement), asText(text)),
  safeHtml,
  humanizeDuration: (seconds: unknown) => humanizeDuration(numberOf(seconds)),
};

/** Go's replacement syntax, `$1` and `${name}`, through RE2's linear-time engine. */
function replaceAll(pattern: string, replacement: string, text: string): string {
  const matcher = RE2JS.compile(pattern).matcher(text);
  let result = "";
  let end = 0;
  while (matcher.find()) {
    const expanded = replacement.replace(/\$\$|\$\{(\w+)\}|\$(\w+)/g, (whole, braced, name) => {
      if (whole === "$$") return "$";
      // As long as it can be: `$1x` is the group named 1x, which is not there.
      const group = braced ?? name;
      try {
        return matcher.group(/^\d+$/.test(group) ? Number(group) : group) ?? "";
      } catch {
        return "";
      }
    });
    result += text.slice(end, matcher.start()) + expanded;
    end = matcher.end();
  }
  return result + text.slice(end);
}

/** A number, or a text that holds one, as Prometheus's functions take them. */
export function numberOf(value: unknown): number {
  const kind = kindOf(value);
  if (kind === "float") return value as number;
  if (kind === "int") return Number(value);
  if (value instanceof GoTime) return value.ms / 1_000;
  const text = kind === "string" ? textOf(value).trim() : "";
  const special: Record<string, number> = {
    "+inf": Infinity,
    inf: Infinity,
    "-inf": -Infinity,
    nan: Number.NaN,
  };
  const number = special[text.toLowerCase()] ?? (text === "" ? undefined : Number(text));
  if (number === undefined || (Number.isNaN(number) && text.toLowerCase() !== "nan"))
    throw new Error(`can't convert ${kind === "string" ? JSON.stringify(text) : kind} to a number`);
  return number;
}

/** `1d 2h 3m 4s`, with fractions of seconds and SI prefixes below one. As Prometheus prints durations. */
export function humanizeDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return formatFloat(seconds, "g", 4);
  if (seconds === 0) return "0s";
  if (Math.abs(seconds) >= 1) {
    const sign = seconds < 0 ? "-" : "";
    const whole = Math.trunc(Math.abs(seconds));
    const [days, hours, minutes, rest] = [
      Math.floor(whole / 86_400),
      Math.floor(whole / 3_600) % 24,
      Math.floor(whole / 60) % 60,
      whole % 60,
    ];
    if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${rest}s`;
    if (hours > 0) return `${sign}${hours}h ${minutes}m ${rest}s`;
    if (minutes > 0) return `${sign}${minutes}m ${rest}s`;
    return `${formatFloat(seconds, "g", 4)}s`;
  }
  let value = seconds;
  let prefix = "";
  for (const next of ["m", "u", "n", "p", "f", "a", "z", "y"]) {
    if (Math.abs(value) >= 1) break;
    prefix = next;
    value *= 1_000;
  }
  return `${formatFloat(value, "g", 4)}${prefix}s`;
}
