import { GoTime } from "./go-time.js";
import { kindOf, METHODS, SafeHtml, sortedKeys, textOf } from "./value.js";

/** A value as Go's fmt prints it with %v. */
export function formatValue(value: unknown): string {
  switch (kindOf(value)) {
    case "nil":
      return "<nil>";
    case "float":
      return formatFloat(value as number, "g", -1);
    case "slice":
      return methodText(value) ?? `[${(value as unknown[]).map(formatValue).join(" ")}]`;
    case "map": {
      const map = value as Map<string, unknown>;
      return (
        methodText(value) ??
        `map[${sortedKeys(map)
          .map((key) => `${key}:${formatValue(map.get(key))}`)
          .join(" ")}]`
      );
    }
    case "struct":
      return (
        methodText(value) ??
        `{${Object.values(value as object)
          .map(formatValue)
          .join(" ")}}`
      );
    case "func":
      return "<func>";
    default:
      return value instanceof SafeHtml ? value.text : String(value);
  }
}

function methodText(value: unknown): string | undefined {
  const methods = (value as { [METHODS]?: Record<string, (...args: unknown[]) => unknown> })[METHODS];
  const text = methods?.String?.();
  return typeof text === "string" ? text : undefined;
}

/**
 * A float64 as Go's strconv writes it.
 *
 * @param precision digits, or -1 for as few as tell the value apart
 */
export function formatFloat(value: number, format: string, precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const lower = format.toLowerCase();
  let text: string;
  if (lower === "f") text = precision < 0 ? plainDigits(value) : toFixed(value, precision);
  else if (lower === "e") text = exponential(value, precision);
  else text = general(value, precision);
  if (Object.is(value, -0) && !text.startsWith("-")) text = `-${text}`;
  return format === lower ? text : text.toUpperCase();
}

function general(value: number, precision: number): string {
  if (value === 0) return "0";
  if (precision < 0) {
    const exponent = Number(value.toExponential().split("e")[1]);
    // Go changes the shortest form to an exponent at six digits, JavaScript at 21.
    return exponent < -4 || exponent >= 6 ? exponential(value, -1) : plainDigits(value);
  }
  const digits = precision === 0 ? 1 : precision;
  const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
  if (exponent < -4 || exponent >= digits) {
    const [mantissa = "", power = ""] = exponential(value, digits - 1).split("e");
    return `${trimZeros(mantissa)}e${power}`;
  }
  return trimZeros(toFixed(value, Math.max(0, digits - 1 - exponent)));
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function exponential(value: number, precision: number): string {
  const text =
    precision < 0
      ? value.toExponential()
      : tieToEven(Math.min(100, precision), (digits) => value.toExponential(digits));
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

/** `toFixed` gives up above 1e21; BigInt does not. */
function toFixed(value: number, precision: number): string {
  if (Math.abs(value) < 1e21) return tieToEven(Math.min(100, precision), (digits) => value.toFixed(digits));
  return `${BigInt(value)}${precision > 0 ? `.${"0".repeat(precision)}` : ""}`;
}

/** What lies exactly between two texts becomes the even one, as in Go; JavaScript takes the larger. */
function tieToEven(precision: number, write: (digits: number) => string): string {
  const rounded = write(precision);
  if (precision >= 100) return rounded;
  // With a hundred digits after the point every value that can be a tie stands there exactly.
  const [, whole = "", rest = "", power = ""] = /^([^.]*)\.(\d+)(e.*)?$/.exec(write(100)) ?? [];
  const [kept, beyond] = [rest.slice(0, precision), rest.slice(precision)];
  if (!/^50*$/.test(beyond)) return rounded;
  const last = `${whole}${kept}`.at(-1) ?? "0";
  if (Number(last) % 2 === 1) return rounded;
  return `${whole}${precision > 0 ? `.${kept}` : ""}${power}`;
}

/** All digits of the shortest form, without an exponent. */
function plainDigits(value: number): string {
  const [mantissa = "", power = "0"] = value.toExponential().split("e");
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  const point = Number(power) + 1;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + "0".repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

const VERB = /%(?:([-+# 0]*)(\*|\d+)?(?:\.(\*|\d+)?)?(?:\[(\d+)\])?([a-zA-Z%])|(?=.|$))/gs;

/** Go's fmt.Sprintf. Faults come out in the text, as Go puts them: `%!d(string=x)`. */
export function sprintf(format: string, args: readonly unknown[]): string {
  let next = 0;
  let isReordered = false;
  const text = format.replace(
    VERB,
    (whole, flags: string | undefined, width, precision, index, verb: string | undefined) => {
      if (verb === undefined) return "%!(NOVERB)";
      if (verb === "%") return "%";
      const hasPrecision = whole.includes(".");
      const widthCount = width === "*" ? Number(args[next++]) : width === undefined ? 0 : Number(width);
      const digits = !hasPrecision
        ? undefined
        : precision === "*"
          ? Number(args[next++])
          : Number(precision ?? 0);
      if (index !== undefined) {
        next = Number(index) - 1;
        isReordered = true;
        if (next < 0 || next >= args.length) return `%!${verb}(BADINDEX)`;
      }
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const value = args[next++];
      return pad(formatVerb(verb, flags ?? "", digits, value), flags ?? "", widthCount, kindOf(value));
    },
  );
  if (isReordered || next >= args.length) return text;
  const extra = args.slice(next).map((value) => `${typeName(value)}=${formatValue(value)}`);
  return `${text}%!(EXTRA ${extra.join(", ")})`;
}

function pad(text: string, flags: string, width: number, kind: string): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (flags.includes("0") && (kind === "int" || kind === "float")) {
    const sign = /^[+-]/.exec(text)?.[0] ?? "";
    return sign + "0".repeat(missing) + text.slice(sign.length);
  }
  return " ".repeat(missing) + text;
}

function formatVerb(verb: string, flags: string, digits: number | undefined, value: unknown): string {
  const kind = kindOf(value);
  if (verb === "v")
    return withSign(
      digits !== undefined && kind === "float"
        ? formatFloat(value as number, "g", digits)
        : formatValue(value),
      flags,
      kind,
    );
  if (verb === "T") return typeName(value);
  if (kind === "slice" && "sqdxXfeEgG".includes(verb))
    return `[${(value as unknown[]).map((item) => formatVerb(verb, flags, digits, item)).join(" ")}]`;
  const text =
    kind === "int"
      ? formatInt(verb, value as bigint, flags.includes("#"))
      : kind === "float"
        ? formatFloatVerb(verb, digits, value as number)
        : kind === "bool"
          ? verb === "t"
            ? String(value)
            : undefined
          : formatText(verb, digits, value);
  return text === undefined
    ? `%!${verb}(${typeName(value)}=${formatValue(value)})`
    : withSign(text, flags, kind);
}

function withSign(text: string, flags: string, kind: string): string {
  if ((kind !== "int" && kind !== "float") || text.startsWith("-") || text.startsWith("+")) return text;
  return flags.includes("+") ? `+${text}` : flags.includes(" ") ? ` ${text}` : text;
}

function formatInt(verb: string, value: bigint, isSharp: boolean): string | undefined {
  const based = (base: number, prefix: string): string =>
    `${value < 0n ? "-" : ""}${isSharp ? prefix : ""}${(value < 0n ? -value : value).toString(base)}`;
  switch (verb) {
    case "d":
      return String(value);
    case "b":
      return based(2, "0b");
    case "o":
      return based(8, "0");
    case "x":
      return based(16, "0x");
    case "X":
      return based(16, "0x").toUpperCase();
    case "c":
      return String.fromCodePoint(Number(value));
    case "q":
      return `'${String.fromCodePoint(Number(value))}'`;
    case "U":
      return `U+${value.toString(16).toUpperCase().padStart(4, "0")}`;
    default:
      return undefined;
  }
}

function formatFloatVerb(verb: string, digits: number | undefined, value: number): string | undefined {
  switch (verb) {
    case "e":
    case "E":
      return formatFloat(value, verb, digits ?? 6);
    case "f":
    case "F":
      return formatFloat(value, "f", digits ?? 6);
    case "g":
    case "G":
      return formatFloat(value, verb, digits ?? -1);
    default:
      return undefined;
  }
}

function formatText(verb: string, digits: number | undefined, value: unknown): string | undefined {
  const isText = kindOf(value) === "string" || value instanceof GoTime;
  if (verb === "s") {
    if (!isText && kindOf(value) !== "map" && kindOf(value) !== "struct") return undefined;
    const text = isText ? textOf(value) : formatValue(value);
    return digits === undefined ? text : [...text].slice(0, digits).join("");
  }
  if (!isText) return undefined;
  if (verb === "q") return JSON.stringify(textOf(value));
  if (verb === "x" || verb === "X") {
    const hex = Buffer.from(textOf(value)).toString("hex");
    return verb === "x" ? hex : hex.toUpperCase();
  }
  return undefined;
}

function typeName(value: unknown): string {
  const names: Record<string, string> = {
    int: "int",
    float: "float64",
    slice: "[]interface {}",
    map: "map[string]string",
    nil: "<nil>",
  };
  const kind = kindOf(value);
  return names[kind] ?? kind;
}
