import { CollectorError } from "../errors.js";

/** Where a page ended: entries are ordered by time from new to old. */
export interface PageCursor {
  /** Time of the last entry that was handed out, in nanoseconds. */
  readonly nanos: string;
  /** What tells entries of the same time apart, in hexadecimal. */
  readonly tie: string;
  /** End of the time that the first page asked for, in milliseconds, where later pages must keep to it. */
  readonly endMs?: number;
}

export function formatCursor({ nanos, tie, endMs }: PageCursor): string {
  return `${nanos}-${tie}${endMs === undefined ? "" : `-${endMs}`}`;
}

/** What the engine's instants hold. */
const MAX_NANOS = 2n ** 63n - 1n;

/** @throws {CollectorError} STORE_CURSOR_INVALID */
export function parseCursor(text: string): PageCursor {
  const match = /^(\d{1,19})-([0-9a-f]{1,32})(?:-(\d{1,14}))?$/.exec(text);
  if (!match) throw invalidCursor(text);
  const [, nanos, tie, endMs] = match;
  if (BigInt(nanos) > MAX_NANOS || Number(endMs ?? 0) > Number(MAX_NANOS / 1_000_000n))
    throw invalidCursor(text);
  return { nanos, tie, ...(endMs !== undefined && { endMs: Number(endMs) }) };
}

export function invalidCursor(text: string): CollectorError {
  return new CollectorError(
    "STORE_CURSOR_INVALID",
    `"${text.slice(0, 80)}" is not a cursor. Take \`nextCursor\` of the page before, or leave it out for the first page.`,
  );
}

/** Order of whole numbers as text (nanoseconds, hashes), which do not fit into a number: the longer is the larger. */
export function compareWhole(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
