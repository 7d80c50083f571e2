import type { SliReader, SliReading } from "@tocsin/alerts";
import { errorBudgetOf } from "./spec.js";
import type { SloTracker } from "./tracker.js";
import { burnRate } from "./window-pair.js";

/** Answers actions, which look at an SLO before they act and afterwards. Groups of an SLO are taken together. */
export function createSliReader(tracker: SloTracker): SliReader {
  return {
    async read(slo, windowMs, endMs): Promise<SliReading | undefined> {
      const tracked = tracker.tracked().filter(({ spec }) => spec.name === slo);
      const [first] = tracked;
      if (!first) return undefined;
      let bad = 0;
      let total = 0;
      for (const { book } of tracked) {
        book.settle(endMs);
        const counts = book.window(windowMs, endMs);
        bad += counts.bad;
        total += counts.total;
      }
      // A window without events tells nothing; whoever acts must not take it for health.
      if (total <= 0) return undefined;
      return {
        windowMs,
        endMs,
        good: total - bad,
        total,
        errorRatio: bad / total,
        burnRate: burnRate(bad, total, errorBudgetOf(first.spec)),
      };
    },
  };
}
