import { CollectorError } from "../errors.js";

/** A place in a list that is ordered from new to old. */
export interface PageCursor {
  /** Time of the last entry that was handed out, in nanoseconds. */
  readonly nanos: string;
  /** What tells entries of the same time apart: a trace id, or how many of them were handed out. */
  readonly tie: string;
}

export function formatCursor({ nanos, tie }: PageCursor): string {
  return `${nanos}-${tie}`;
}

/** @throws {CollectorError} STORE_CURSOR_INVALID */
export function parseCursor(text: string): PageCursor {
  const match = /^(\d{1,19})-([0-9a-f]{1,32})$/.exec(text);
  if (!match) {
    throw new CollectorError(
      "STORE_CURSOR_INVALID",
      `"${text.slice(0, 80)}" is not a cursor. Take \`nextCursor\` of the page before, or leave it out for the first page.`,
    );
  }
  return { nanos: match[1], tie: match[2] };
}
