import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { time } from "../state/format.js";
import { theme } from "../state/theme.js";
import { TableHead } from "./wide-table.js";

/** One line over time. Unknown values are gaps, never zeros. */
export interface ChartProps {
  readonly title: string;
  readonly points: readonly { readonly atMs: number; readonly value: number | null }[];
  readonly show: (value: number) => string;
  /** Which of the series colours. */
  readonly color: 1 | 2;
}

const HEIGHT_PX = 150;
/** As many rows as a person reads; the chart has the rest. */
const TABLE_ROWS = 20;

/** A chart with a spoken summary and the same numbers as a table. */
export function Chart({ title, points, show, color }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const chosen = theme.value;
  // The theme changes the colours, so that the chart is made anew with it.
  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    const made = new uPlot(optionsOf(element, title, show, color), dataOf([]), element);
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [title, show, color, chosen]);
  useEffect(() => {
    plot.current?.setData(dataOf(points));
  });
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <div ref={holder} role="img" aria-label={spoken(title, points, show)} />
      <details>
        <summary>as table</summary>
        <table>
          <TableHead columns={["time", { number: title }]} />
          <tbody>
            {points.slice(-TABLE_ROWS).map(({ atMs, value }) => (
              <tr key={atMs}>
                <td>{time(atMs)}</td>
                <td class="n">{value === null ? "–" : show(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

/** What the chart says to someone who hears the page. */
export function spoken(title: string, points: ChartProps["points"], show: ChartProps["show"]): string {
  const known = points.filter((point): point is { atMs: number; value: number } => point.value !== null);
  const last = known.at(-1);
  if (!last) return `${title}: nothing yet`;
  const highest = known.reduce((high, point) => (point.value > high.value ? point : high), last);
  return `${title}: now ${show(last.value)}, highest ${show(highest.value)} at ${time(highest.atMs)}`;
}

function dataOf(points: ChartProps["points"]): uPlot.AlignedData {
  return [points.map(({ atMs }) => atMs / 1_000), points.map(({ value }) => value)];
}

function optionsOf(
  element: HTMLElement,
  title: string,
  show: (value: number) => string,
  color: 1 | 2,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--muted");
  const line = style.getPropertyValue("--line");
  const stroke = style.getPropertyValue(`--series-${color}`);
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  return {
    width: Math.max(200, element.clientWidth),
    height: HEIGHT_PX,
    cursor: { y: false },
    legend: { show: true, live: true },
    scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, values: "{HH}:{mm}:{ss}" },
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map(show) },
    ],
    series: [
      { value: (_plot, seconds) => (seconds === null ? "–" : time(seconds * 1_000)), label: "time" },
      {
        label: title,
        stroke,
        width: 2,
        spanGaps: false,
        value: (_plot, value) => (value === null ? "–" : show(value)),
      },
    ],
  };
}
