/** The values that an expression may have. An open end is not reached. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly isLowOpen: boolean;
  readonly isHighOpen: boolean;
  /** Whether it may be NaN besides; of a single value only where this says so. */
  readonly mayBeNaN: boolean;
}

export function between(low: number, high: number, mayBeNaN = false): Interval {
  return { low, high, isLowOpen: false, isHighOpen: false, mayBeNaN };
}

export const ANYTHING = between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, true);

export function point(value: number): Interval {
  return Number.isNaN(value) ? ANYTHING : between(value, value);
}

export function atLeast(low: number): Interval {
  return between(low, Number.POSITIVE_INFINITY, true);
}

export function isPoint({ low, high, mayBeNaN }: Interval): boolean {
  return low === high && !mayBeNaN;
}

export function hull(a: Interval, b: Interval): Interval {
  const [low, high] = [Math.min(a.low, b.low), Math.max(a.high, b.high)];
  return {
    low,
    high,
    isLowOpen: (a.low !== low || a.isLowOpen) && (b.low !== low || b.isLowOpen),
    isHighOpen: (a.high !== high || a.isHighOpen) && (b.high !== high || b.isHighOpen),
    mayBeNaN: a.mayBeNaN || b.mayBeNaN,
  };
}

export type Comparison = "==" | "!=" | ">" | "<" | ">=" | "<=";

export const MIRRORED: Readonly<Record<Comparison, Comparison>> = {
  "==": "==",
  "!=": "!=",
  ">": "<",
  "<": ">",
  ">=": "<=",
  "<=": ">=",
};

/** The values of `left` that may pass the comparison; undefined when none can. */
export function passing(left: Interval, operator: Comparison, right: Interval): Interval | undefined {
  const mayBeNaN = false;
  switch (operator) {
    case "!=":
      return isPoint(left) && isPoint(right) && left.low === right.low ? undefined : left;
    case "==": {
      const above = passing(left, ">=", right);
      return above && passing(above, "<=", right);
    }
    case ">":
    case ">=": {
      // At the edge only where both sides reach it.
      const isEdgeOpen = operator === ">" || right.isLowOpen;
      if (left.high < right.low || (left.high === right.low && (isEdgeOpen || left.isHighOpen)))
        return undefined;
      if (left.low > right.low) return { ...left, mayBeNaN };
      const isLowOpen = isEdgeOpen || (left.low === right.low && left.isLowOpen);
      return { ...left, low: right.low, isLowOpen, mayBeNaN };
    }
    default: {
      const passed = passing(negate(left), operator === "<" ? ">" : ">=", negate(right));
      return passed && negate(passed);
    }
  }
}

export function negate({ low, high, isLowOpen, isHighOpen, mayBeNaN }: Interval): Interval {
  return { low: -high, high: -low, isLowOpen: isHighOpen, isHighOpen: isLowOpen, mayBeNaN };
}

export function add(a: Interval, b: Interval): Interval {
  const [low, high] = [a.low + b.low, a.high + b.high];
  if (Number.isNaN(low) || Number.isNaN(high)) return ANYTHING;
  // Sums are rounded, so an end that was not reached may be reached now.
  return { low, high, isLowOpen: false, isHighOpen: false, mayBeNaN: a.mayBeNaN || b.mayBeNaN };
}

/** For a finite factor above 0. */
export function scale({ low, high, mayBeNaN }: Interval, factor: number): Interval {
  return between(low * factor, high * factor, mayBeNaN);
}

/** A sum of one or more values. */
export function sumOf(values: Interval): Interval {
  if (values.low >= 0) return atLeast(values.low);
  return values.high <= 0 ? negate(sumOf(negate(values))) : ANYTHING;
}

/** `is at least 1`, `is always 0`; undefined for what may be anything. */
export function inWords({ low, high, isLowOpen, isHighOpen }: Interval): string | undefined {
  if (low === high) return `is always ${low}`;
  const [from, to] = [isLowOpen ? "over" : "at least", isHighOpen ? "below" : "at most"];
  if (Number.isFinite(low) && Number.isFinite(high)) return `is ${from} ${low} and ${to} ${high}`;
  if (Number.isFinite(low)) return `is ${from} ${low}`;
  return Number.isFinite(high) ? `is ${to} ${high}` : undefined;
}
