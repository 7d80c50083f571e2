import { textAt } from "./accessors.js";
import type { OtlpSignal } from "./columns.js";
import { ValueKind } from "./columns.js";
import { rewriteRequest } from "./rewrite.js";

/** How much one span, log record or point may carry. */
export interface ItemLimits {
  readonly maxAttributes: number;
  /** Bytes of UTF-8. */
  readonly maxAttributeLength: number;
  /** Levels of lists and maps inside one attribute or body. */
  readonly maxDepth: number;
}

/** A request within the limits, and what had to go. */
export interface Limited {
  readonly body: Buffer;
  readonly droppedAttributes: number;
  readonly shortenedAttributes: number;
}

/** Drops attributes beyond the limit of their owner and cuts long texts at a character. */
export function limitRequest(
  signal: OtlpSignal,
  body: Buffer,
  limits: Pick<ItemLimits, "maxAttributes" | "maxAttributeLength">,
): Limited {
  let droppedAttributes = 0;
  let shortenedAttributes = 0;
  const limited = rewriteRequest(signal, body, {
    attribute: ({ owner, index, bytes, kind, start, end }) => {
      if (owner === "body") return "keep";
      if (owner !== "nested" && index >= limits.maxAttributes) {
        droppedAttributes++;
        return "drop";
      }
      if (kind !== ValueKind.string || end - start <= limits.maxAttributeLength) return "keep";
      shortenedAttributes++;
      return { text: textAt(bytes, start, characterEnd(bytes, start, limits.maxAttributeLength)) };
    },
  });
  return { body: limited, droppedAttributes, shortenedAttributes };
}

/** End of the last whole character within `length` bytes of UTF-8. */
function characterEnd(bytes: Buffer, start: number, length: number): number {
  let end = start + length;
  while (end > start && (bytes[end] & 0xc0) === 0x80) end--;
  return end;
}
