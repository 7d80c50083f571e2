// No hexadecimal: `0x10` is eleven zeros.
const NUMBER = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[Ii]nf|NaN|nan)$/;

/** Whether a text is a number as Prometheus's tests write it. */
export function isNumber(text: string): boolean {
  return NUMBER.test(text);
}

/**
 * Reads such a number.
 *
 * @throws {Error} naming what it should be a number of
 */
export function readNumber(text: string, what: string): number {
  if (!isNumber(text)) throw new Error(`"${text}" is not a number for ${what}`);
  const infinite = /^([+-]?)[Ii]nf$/.exec(text);
  if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
  return /^nan$/i.test(text) ? Number.NaN : Number(text);
}
