/** A rate with its unit, three significant digits. */
export function perSecond(rate: number): string {
  return `${threeDigits(rate)} /s`;
}

/** A ratio in percent; "–" where nothing happened. */
export function percent(ratio: number | null): string {
  return ratio === null ? "–" : `${threeDigits(ratio * 100)} %`;
}

/** Seconds as people read latencies; "–" where nothing happened. */
export function milliseconds(seconds: number | null): string {
  if (seconds === null) return "–";
  return seconds >= 10 ? `${threeDigits(seconds)} s` : `${threeDigits(seconds * 1_000)} ms`;
}

/** How many of something, to the last one. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** What was measured of a resource, with its unit. */
export function quantity(
  value: number,
  unit: "ratio" | "seconds" | "cpus" | "bytes" | "requests" | "connections",
): string {
  if (unit === "ratio") return percent(value);
  if (unit === "seconds") return milliseconds(value);
  if (unit === "bytes") return `${threeDigits(value / 2 ** 20)} MiB`;
  return unit === "cpus" ? `${threeDigits(value)} CPU` : threeDigits(value);
}

/** Columns of text, as wide as they need to be. Columns whose cells all begin with a digit are set to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const isNumeric = head.map((_, column) => rows.every((row) => /^(?:[-–≥\d]|$)/.test(row[column] ?? "")));
  return [head, ...rows]
    .map((row) => {
      const cells = row.map((cell, column) => {
        const width = widths[column] ?? 0;
        return isNumeric[column] ? cell.padStart(width) : cell.padEnd(width);
      });
      return `${cells.join("  ").trimEnd()}\n`;
    })
    .join("");
}

function threeDigits(value: number): string {
  return String(Number(value.toPrecision(3)));
}
