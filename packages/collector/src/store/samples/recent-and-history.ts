import { type Labels, labelsKey, type UnixMs } from "@tocsin/model";
import type { Querier, SampleBuffer, Series, Storage } from "@tocsin/promql";

/** Recent samples in memory, complete from some time on. */
export interface RecentStorage extends Storage {
  readonly completeFromMs: UnixMs;
}

/**
 * One storage out of two: memory for what it knows completely, the store for what is older. A query that memory can
 * answer alone never asks the store.
 *
 * @param history undefined while there is no store; queries then see what memory has
 * @param fault why there is no store although one is wanted; an answer that lacks older samples for it says so
 */
export function recentAndHistory(
  recent: RecentStorage,
  history: () => Storage | undefined,
  fault: () => string | undefined = () => undefined,
): Storage {
  return {
    querier(minMs, maxMs) {
      const fromMs = recent.completeFromMs;
      if (minMs >= fromMs) return recent.querier(minMs, maxMs);
      const older = history();
      if (older === undefined) return lacking(recent.querier(minMs, maxMs), fromMs, fault());
      return joined(
        older.querier(minMs, Math.min(maxMs, fromMs - 1)),
        recent.querier(fromMs, maxMs),
        fromMs,
        maxMs,
      );
    },
  };
}

/** Memory alone, with a word on what it does not have. */
function lacking(newer: Querier, fromMs: UnixMs, reason: string | undefined): Querier {
  if (reason === undefined) return newer;
  const since = new Date(fromMs).toISOString();
  return {
    select: (matchers, hints) => newer.select(matchers, hints),
    warnings: () => [`samples before ${since} are in the store, which cannot be asked: ${reason}`],
    close: () => newer.close?.(),
  };
}

function joined(older: Querier, newer: Querier, fromMs: UnixMs, maxMs: UnixMs): Querier {
  return {
    async select(matchers, hints) {
      const parts = await Promise.all([
        hints.startMs < fromMs
          ? older.select(matchers, { ...hints, endMs: Math.min(hints.endMs, fromMs - 1) })
          : [],
        hints.endMs >= fromMs && fromMs <= maxMs
          ? newer.select(matchers, { ...hints, startMs: Math.max(hints.startMs, fromMs) })
          : [],
      ]);
      const byLabels = new Map<string, Series[]>();
      for (const series of parts.flat()) {
        const key = labelsKey(series.labels);
        byLabels.set(key, [...(byLabels.get(key) ?? []), series]);
      }
      return [...byLabels.values()].map((pieces) => chained(pieces));
    },
    close() {
      older.close?.();
      newer.close?.();
    },
  };
}

/** The pieces of one series, the older first. */
function chained(pieces: readonly Series[]): Series {
  const labels: Labels = pieces[0]?.labels ?? {};
  return {
    labels,
    read(into: SampleBuffer) {
      for (const piece of pieces) piece.read(into);
    },
  };
}
