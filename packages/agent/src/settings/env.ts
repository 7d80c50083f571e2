/** Environment variables as they are handed in; an empty one counts as unset, as OpenTelemetry has it. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads typed values from environment variables and gathers what is wrong with them, so that every fault is named once
 * at start and none is ignored in silence.
 */
export class EnvReader {
  private readonly found = new Set<string>();
  private readonly env: Env;

  constructor(env: Env) {
    this.env = env;
  }

  /** What was wrong so far, each thing once. */
  get faults(): readonly string[] {
    return Array.from(this.found);
  }

  /** Names a fault, in a whole sentence and without values, which may be secrets. */
  fault(text: string): void {
    this.found.add(text);
  }

  text(name: string): string | undefined {
    const value = this.env[name]?.trim();
    return value === "" ? undefined : value;
  }

  /** Names of the variables that are set. */
  names(): string[] {
    return Object.keys(this.env).filter((name) => this.text(name) !== undefined);
  }

  /** `true` or `false`, in any case. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (value === "true") return true;
    if (value !== "false") this.wrong(name, "true or false", String(fallback));
    return value === "false" ? false : fallback;
  }

  number(name: string, fallback: number, minimum = 0, maximum = Number.POSITIVE_INFINITY): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (Number.isFinite(number) && number >= minimum && number <= maximum) return number;
    const bound = number > maximum ? `at most ${maximum}` : `at least ${minimum}`;
    this.wrong(name, `a number of ${bound}`, String(fallback));
    return fallback;
  }

  /** How often something is done, in milliseconds; no longer than a timer can wait. */
  intervalMs(name: string, fallbackMs: number, minimumMs: number): number {
    return this.number(name, fallbackMs, minimumMs, MAX_TIMER_MS);
  }

  /** A port to listen on; 0 is any. */
  port(name: string, fallback: number): number {
    const number = this.number(name, fallback, 0, 65_535);
    if (Number.isInteger(number)) return number;
    this.wrong(name, "a whole number", String(fallback));
    return fallback;
  }

  /** Milliseconds; 0 is "no limit", as OpenTelemetry has it. */
  timeoutMs(name: string, fallbackMs: number): number {
    const ms = this.number(name, fallbackMs);
    return ms === 0 ? MAX_TIMER_MS : Math.min(ms, MAX_TIMER_MS);
  }

  /** One of a few words, in any case. */
  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return fallback;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.wrong(name, `one of ${choices.join(", ")}`, fallback);
    return found ?? fallback;
  }

  list(name: string): string[] | undefined {
    const items = this.text(name)
      ?.split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
    return items?.length === 0 ? undefined : items;
  }

  /** `key=value` pairs with percent-encoded values, the form of headers and resource attributes. */
  pairs(name: string): Record<string, string> {
    const found: Record<string, string> = {};
    for (const item of this.list(name) ?? []) {
      const equals = item.indexOf("=");
      const key = item.slice(0, Math.max(0, equals)).trim();
      if (key === "") {
        this.fault(`${name} has a part without "key=value"; that part is left out.`);
        continue;
      }
      found[key] = decoded(item.slice(equals + 1).trim());
    }
    return found;
  }

  private wrong(name: string, expected: string, used: string): void {
    this.fault(`${name} must be ${expected}; using ${used}.`);
  }
}

/** The longest that a timer of Node's can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
