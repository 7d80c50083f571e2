import type { UnixMs } from "@tocsin/model";
import { z } from "zod";

/** What an SLO's indicator was over one window. Plain JSON, because it is kept in the journal as evidence. */
export const SliReading = z.object({
  windowMs: z.number().describe("Length of the window."),
  endMs: z.number().describe("End of the window; its start is left out (left-open), its end belongs to it."),
  good: z.number(),
  total: z.number().describe("Events in the window; 0 means that nothing happened, which is data too."),
  errorRatio: z.number().describe("1 - good / total, 0-1; 0 when there were no events."),
  burnRate: z
    .number()
    .describe("errorRatio / (1 - objective); 1 spends the budget exactly in the SLO's window."),
});
export type SliReading = z.infer<typeof SliReading>;

/** Looks at the indicator of an SLO; actions ask it before they act and afterwards, to see whether they helped. */
export interface SliReader {
  /**
   * The indicator over the window of `windowMs` that ends at `endMs`.
   *
   * @returns undefined when the SLO is unknown, or when the window cannot be told because nothing was received
   *   in it: an action is never done, and never called helpful, on missing data
   */
  read(slo: string, windowMs: number, endMs: UnixMs): Promise<SliReading | undefined>;
}
