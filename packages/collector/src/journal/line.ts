import { crc32 } from "node:zlib";
import type { JournalRecord } from "@tocsin/alerts";

/**
 * One record as one line: eight hex digits of CRC-32 over the JSON, a space, the JSON, a line feed.
 * JSON never holds a raw line feed, so a line boundary is a record boundary even after damage.
 */
export function encodeLine(record: JournalRecord): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

/** @returns undefined when the line is torn or damaged */
export function decodeLine(line: string): JournalRecord | undefined {
  const json = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(json)) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is JournalRecord {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    typeof value.kind === "string" &&
    "atMs" in value &&
    typeof value.atMs === "number"
  );
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}
