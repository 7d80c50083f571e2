import { TocsinError } from "./errors.js";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * Reads a Prometheus duration such as `1h30m`, `500ms` or `0`.
 *
 * @returns milliseconds
 * @throws {TocsinError} MODEL_DURATION_INVALID
 * @see Prometheus, "Querying basics", Float literals and time durations.
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  const match = DURATION.exec(text);
  if (!match || text === "") {
    throw new TocsinError(
      "MODEL_DURATION_INVALID",
      `"${text}" is not a duration. Write whole numbers with units from large to small, such as 30d, 1h30m or 500ms.`,
    );
  }
  const units = ["y", "w", "d", "h", "m", "s", "ms"] as const;
  return units.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * (UNIT_MS[unit] ?? 0), 0);
}

/** Writes milliseconds as the shortest exact Prometheus duration; weeks and years only when they fit alone. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return "0s";
  let rest = Math.round(Math.abs(durationMs));
  let text = durationMs < 0 ? "-" : "";
  for (const unit of ["y", "w"] as const) {
    const size = UNIT_MS[unit] ?? 1;
    if (rest % size === 0) return `${text}${rest / size}${unit}`;
  }
  for (const unit of ["d", "h", "m", "s", "ms"] as const) {
    const size = UNIT_MS[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
