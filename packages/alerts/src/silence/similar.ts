import type { UnixMs } from "@tocsin/model";
import type { Matcher } from "../route/matcher.js";
import type { Silence } from "./silences.js";

/** A silence that mutes much the same as one that somebody is about to make. */
export interface SimilarSilence {
  readonly silence: Silence;
  /** It mutes the same; or all of it and more; or only a part. */
  readonly relation: "same" | "wider" | "narrower";
}

/** One that ended this long ago may still be worth naming. */
const ENDED_MS = 86_400_000;

/**
 * Silences that mute much the same: those that are or will be, and those that ended within a day. The same ones first,
 * then the newest. Pure.
 */
export function similarSilences(
  matchers: readonly Matcher[],
  silences: readonly Silence[],
  nowMs: UnixMs,
): SimilarSilence[] {
  const wanted = new Set(matchers.map(textOf));
  const found = silences
    .filter(({ endsAtMs }) => endsAtMs > nowMs - ENDED_MS)
    .flatMap((silence): SimilarSilence[] => {
      const own = new Set(silence.matchers.map(textOf));
      const isWider = [...own].every((text) => wanted.has(text));
      const isNarrower = [...wanted].every((text) => own.has(text));
      if (!isWider && !isNarrower) return [];
      return [{ silence, relation: isWider && isNarrower ? "same" : isWider ? "wider" : "narrower" }];
    });
  const rank = { same: 0, wider: 1, narrower: 2 };
  return found.sort((a, b) => rank[a.relation] - rank[b.relation] || b.silence.endsAtMs - a.silence.endsAtMs);
}

function textOf({ name, operator, value }: Matcher): string {
  return `${name}${operator}${value}`;
}
