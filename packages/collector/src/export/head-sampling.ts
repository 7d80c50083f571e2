import type { RewriteRules } from "../otlp/rewrite.js";
import {
  randomnessOf,
  readSpanIdentity,
  type SpanIdentity,
  thresholdIn,
  thresholdOfRatio,
  withThreshold,
} from "./probability.js";

/** What becomes of one span, as `RewriteRules.item` wants it. */
type SpanRule = NonNullable<RewriteRules["item"]>;

/**
 * Keeps a share of the traces, each of them whole, and the same ones in every collector with the same or a larger share.
 *
 * @param ratio share of traces to keep, above 0 and up to 1
 */
export function sampleTraces(ratio: number): SpanRule {
  const threshold = thresholdOfRatio(ratio);
  return (bytes, start, end) => {
    const span = readSpanIdentity(bytes, start, end);
    if (span.traceId === 0 || thresholdIn(span.traceState) >= threshold) return "keep";
    if (randomnessOf(bytes, span.traceId, span.traceState) < threshold) return "drop";
    return keptAt(threshold, span);
  };
}

/** A span that was kept at a threshold; a sampler before us that was stricter stands. */
export function keptAt(
  threshold: number,
  { traceState }: SpanIdentity,
): "keep" | { readonly traceState: string } {
  if (threshold <= thresholdIn(traceState)) return "keep";
  return { traceState: withThreshold(traceState, threshold) };
}
