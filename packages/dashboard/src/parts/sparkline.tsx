import type { ValueHistory } from "../state/api-types.js";
import { number, time } from "../state/format.js";

const WIDTH = 160;
const HEIGHT = 28;

/** The course of a value with the limit that it was held against; spoken as where it began, was highest, and ended. */
export function Sparkline({ history, limit }: { history: ValueHistory; limit?: number | undefined }) {
  const { startMs, stepMs, values } = history;
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  const [least, most] = [Math.min(0, ...known, limit ?? 0), Math.max(0, ...known, limit ?? 0)];
  const y = (value: number): number =>
    most === least ? HEIGHT / 2 : HEIGHT - 2 - ((value - least) / (most - least)) * (HEIGHT - 4);
  const step = WIDTH / Math.max(1, values.length - 1);
  const line = values.flatMap((value, index) => (value === null ? [] : [`${index * step},${y(value)}`]));
  const endMs = startMs + (values.length - 1) * stepMs;
  const words = `from ${number(known[0] ?? 0)} at ${time(startMs)} to ${number(known.at(-1) ?? 0)} at ${time(endMs)}, highest ${number(Math.max(...known))}${limit === undefined ? "" : `, limit ${number(limit)}`}`;
  return (
    <svg
      class="spark"
      role="img"
      aria-label={words}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
    >
      {limit !== undefined && <line class="limit" x1="0" x2={WIDTH} y1={y(limit)} y2={y(limit)} />}
      <polyline points={line.join(" ")} />
    </svg>
  );
}
