import { z } from "zod";

/** How many there should be: a number, so many more, or so many times as many. Exactly one of these is written. */
export const countChange = {
  to: z.number().int().nonnegative().optional().describe("This many."),
  add: z.number().int().positive().optional().describe("This many more."),
  factor: z.number().gt(1).max(10).optional().describe("This many times as many, rounded up."),
};

interface CountChange {
  readonly to?: number | undefined;
  readonly add?: number | undefined;
  readonly factor?: number | undefined;
}

export function hasOneChange({ to, add, factor }: CountChange): boolean {
  return [to, add, factor].filter((value) => value !== undefined).length === 1;
}

export const ONE_CHANGE = { error: "Write exactly one of to, add and factor." };

/**
 * The count to go to, under a hard limit.
 *
 * @returns the count, and why it must not be gone to: an action that finds the limit reached does nothing
 */
export function targetCount(
  current: number,
  change: CountChange,
  max: number,
): { target: number; refusal: string | null } {
  const wanted =
    change.to ??
    (change.add !== undefined ? current + change.add : Math.ceil(current * (change.factor ?? 1)));
  if (wanted <= max) return { target: wanted, refusal: null };
  if (current >= max)
    return { target: current, refusal: `there are ${current} already, and ${max} is the limit` };
  return { target: max, refusal: null };
}
