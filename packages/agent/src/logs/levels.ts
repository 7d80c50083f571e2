/** Severity of OpenTelemetry's log data model: a number from 1 to 24, 0 when nothing is known, and the logger's own word. */
export interface Severity {
  readonly number: number;
  readonly text: string;
}

/** Severity of a pino level that no name is known of. */
export function severityOf(level: number): Severity {
  if (level < 20) return { number: 1, text: "trace" };
  if (level < 30) return { number: 5, text: "debug" };
  if (level < 40) return { number: 9, text: "info" };
  if (level < 50) return { number: 13, text: "warn" };
  if (level < 60) return { number: 17, text: "error" };
  return { number: 21, text: "fatal" };
}

/**
 * Severity of a level by its name, which says more than its number where loggers have levels of their own; `level` is
 * pino's number for it, for names that are not known.
 */
export function severityNamed(text: string, level?: number): Severity {
  const number = NAMED[text.toLowerCase()] ?? (level === undefined ? 0 : severityOf(level).number);
  return { number, text };
}

/** The names that pino, winston (npm, syslog, cli) and the console have for levels. */
const NAMED: Readonly<Record<string, number>> = {
  silly: 1,
  trace: 1,
  verbose: 5,
  debug: 5,
  http: 9,
  log: 9,
  info: 9,
  notice: 10,
  warn: 13,
  warning: 13,
  error: 17,
  crit: 18,
  critical: 18,
  alert: 19,
  emerg: 21,
  fatal: 21,
};

/** A severity as one word, which crosses threads cheaper than an object: `9 info`. */
export function severityWord({ number, text }: Severity): string {
  return `${number} ${text}`;
}

/** What {@link severityWord} wrote; nothing for an empty word. */
export function severityIn(word: string): Severity | undefined {
  const space = word.indexOf(" ");
  return space < 0 ? undefined : { number: Number(word.slice(0, space)), text: word.slice(space + 1) };
}
