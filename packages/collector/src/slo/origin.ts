import type { ConfigDocument, Path, Problem, ProblemText } from "@tocsin/model/config";
import { WINDOW_TEMPLATE, WINDOW_TOKEN } from "./compile.js";
import type { SloSpec } from "./spec.js";

/** Where something was written. */
export interface WrittenPlace {
  readonly document: ConfigDocument;
  readonly path: Path;
}

/** Where an SLO was written, whatever form its file has. */
export interface SloOrigin {
  /** Where that stands which the short form has at `field`, such as `["sli", "total"]`. */
  locate(field: Path): WrittenPlace;
}

/** By SLO; one that was not read from a file has none. */
export type SloOrigins = ReadonlyMap<SloSpec, SloOrigin>;

/** Part of a text, in characters. */
export interface TextPart {
  readonly offset: number;
  readonly length: number;
}

/** The origin of an SLO in the short form: its fields stand where they are named. */
export function shortFormOrigin(document: ConfigDocument, base: Path): SloOrigin {
  return { locate: (field) => ({ document, path: [...base, ...field] }) };
}

/**
 * A problem at a field of an SLO.
 *
 * @param part within the field's text as it was compiled; templates such as Sloth's `{{.window}}` are longer where they
 *   were written than the `$window` that they became, and the caret takes that into account
 */
export function problemIn(origin: SloOrigin, field: Path, text: ProblemText, part?: TextPart): Problem {
  const { document, path } = origin.locate(field);
  if (!part) return document.problemAt(path, text);
  const written = path.reduce<unknown>(
    (value, step) => (Object(value) as Record<string, unknown>)[step],
    document.value,
  );
  const offset = writtenOffset(String(written), part.offset);
  const end = writtenOffset(String(written), part.offset + part.length);
  return document.problemWithin(path, offset, Math.max(1, end - offset), text);
}

const COMPILED_LENGTH = WINDOW_TOKEN.length;

/** Where character `offset` of a compiled query stands in the text that it was compiled from. */
function writtenOffset(written: string, offset: number): number {
  let growth = 0;
  for (const { 0: template, index } of written.matchAll(WINDOW_TEMPLATE)) {
    if (index - growth >= offset) break;
    const inside = offset - (index - growth);
    if (inside < COMPILED_LENGTH) return index;
    growth += template.length - COMPILED_LENGTH;
  }
  return offset + growth;
}
