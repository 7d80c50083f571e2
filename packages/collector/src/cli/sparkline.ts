const BARS = "▁▂▃▄▅▆▇█";

/** Values as one line of bars between the least and the greatest; a space where there is none. */
export function sparkline(values: readonly (number | null)[], least: number, greatest: number): string {
  return values
    .map((value) => {
      if (value === null || !Number.isFinite(value)) return " ";
      const share = greatest === least ? 0 : (value - least) / (greatest - least);
      return BARS[Math.min(BARS.length - 1, Math.floor(share * BARS.length))];
    })
    .join("");
}
