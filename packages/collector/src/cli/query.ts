import { formatLabels, messageOf, parseDuration } from "@tocsin/model";
import { type PointJson, PromQLError, parse, type ResultJson } from "@tocsin/promql";
import { CLIENT_FLAGS, CLIENT_HELP, CollectorAnswerError, collectorClient } from "./client.js";
import { type Command, type CommandIo, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";
import { sparkline } from "./sparkline.js";

const FLAGS = {
  ...CLIENT_FLAGS,
  range: { type: "string" },
  step: { type: "string" },
  time: { type: "string" },
} as const;

/** Points of a sparkline where no step is asked for. */
const SPARKLINE_POINTS = 60;

/** The body of an answer of Prometheus's HTTP API. */
interface Answer {
  readonly data: ResultJson;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

export const query: Command = {
  name: "query",
  help: `tocsin query 'EXPR' [flags]

  Without --range the value of each series now, with it a sparkline of each.

  --range DURATION     how far back, such as 1h
  --step DURATION      distance of the points (default a ${SPARKLINE_POINTS}th of the range)
  --time TIME          as of then: RFC 3339 or Unix seconds (default now)
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [expression, ...more] = positionals;
    if (expression === undefined || more.length > 0) {
      throw new UsageError(
        "Give one expression, in quotes: tocsin query 'sum(rate(http_requests_total[5m]))'",
      );
    }
    const fault = parseFault(expression);
    if (fault !== undefined) {
      io.err(fault);
      return ExitCode.wrongUse;
    }
    const client = collectorClient(flags, io);
    const { path, form } = requestOf(expression, flags, Date.now());
    let answer: Answer;
    try {
      answer = await client.json<Answer>(`/prometheus/api/v1/${path}`, { method: "POST", body: form });
    } catch (error) {
      if (!(error instanceof CollectorAnswerError)) throw error;
      io.err(`${errorOf(error.body)}\n`);
      return ExitCode.findings;
    }
    for (const warning of answer.warnings ?? []) io.err(`warning: ${warning}\n`);
    for (const info of answer.infos ?? []) io.err(`info: ${info}\n`);
    if (flags.json) io.out(`${JSON.stringify(answer.data)}\n`);
    else show(answer.data, io);
    return ExitCode.good;
  },
};

/**
 * Why a text is not PromQL, with a caret under the culprit; undefined when it is.
 */
export function parseFault(expression: string): string | undefined {
  try {
    parse(expression);
    return undefined;
  } catch (error) {
    if (!(error instanceof PromQLError)) throw error;
    const { from, to } = error.range ?? { from: 0, to: 0 };
    const lineStart = expression.lastIndexOf("\n", from - 1) + 1;
    const nextBreak = expression.indexOf("\n", from);
    const line = expression.slice(lineStart, nextBreak < 0 ? undefined : nextBreak);
    const column = from - lineStart;
    const width = Math.max(1, Math.min(to - from, line.length - column));
    // Tabs stay tabs, so that the caret stands under its character however wide they are shown.
    const indent = line.slice(0, column).replace(/[^\t]/g, " ");
    return `error[promql/parse] ${error.message}\n  ${line}\n  ${indent}${"^".repeat(width)}\n`;
  }
}

function requestOf(
  expression: string,
  flags: { readonly range?: string; readonly step?: string; readonly time?: string },
  nowMs: number,
): { path: string; form: URLSearchParams } {
  const form = new URLSearchParams({ query: expression });
  if (flags.range === undefined) {
    if (flags.step !== undefined)
      throw new UsageError("--step goes with --range, such as --range 1h --step 1m.");
    if (flags.time !== undefined) form.set("time", flags.time);
    return { path: "query", form };
  }
  const endMs = flags.time === undefined ? nowMs : timeOf(flags.time);
  const rangeMs = durationOf("range", flags.range);
  const stepMs =
    flags.step === undefined
      ? Math.max(1_000, Math.ceil(rangeMs / SPARKLINE_POINTS / 1_000) * 1_000)
      : durationOf("step", flags.step);
  form.set("start", String((endMs - rangeMs) / 1_000));
  form.set("end", String(endMs / 1_000));
  form.set("step", String(stepMs / 1_000));
  return { path: "query_range", form };
}

function durationOf(name: string, text: string): number {
  try {
    const durationMs = parseDuration(text);
    if (durationMs > 0) return durationMs;
  } catch (error) {
    throw new UsageError(`--${name}: ${messageOf(error)}`);
  }
  throw new UsageError(`--${name} must be longer than 0.`);
}

function timeOf(text: string): number {
  const timeMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : Date.parse(text);
  if (Number.isNaN(timeMs)) {
    throw new UsageError(`--time ${text} is no time. Write 2026-11-21T14:00:00Z or Unix seconds.`);
  }
  return timeMs;
}

function errorOf(body: string): string {
  try {
    const { error, errorType } = JSON.parse(body) as { error?: string; errorType?: string };
    return `error[${errorType ?? "internal"}] ${error ?? body}`;
  } catch {
    return `error: ${body.slice(0, 500)}`;
  }
}

function show(data: ResultJson, io: CommandIo): void {
  if (data.resultType === "scalar" || data.resultType === "string") {
    io.out(`${data.result[1]}\n`);
    return;
  }
  if (data.result.length === 0) {
    io.err("No series. The metric may not exist, or have no sample in the last 5 minutes.\n");
    return;
  }
  const rows =
    data.resultType === "vector"
      ? data.result.map(({ metric, value, histogram }) => ({
          name: formatLabels(metric),
          cells: [histogram === undefined ? (value?.[1] ?? "") : `${histogram[1].count} observations`],
        }))
      : sparklines(data.result);
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  const widths = rows[0].cells.map((_, column) => Math.max(...rows.map(({ cells }) => cells[column].length)));
  for (const { name, cells } of rows) {
    const padded = cells.map((cell, column) => cell.padStart(widths[column]));
    io.out(`${name.padEnd(nameWidth)}  ${padded.join("  ").trimEnd()}\n`);
  }
}

type MatrixSeries = Extract<ResultJson, { resultType: "matrix" }>["result"][number];

/** One row a series: its course, then the least, the greatest and the last value. */
function sparklines(series: readonly MatrixSeries[]): { name: string; cells: string[] }[] {
  const times = new Set<number>();
  for (const { values = [] } of series) for (const [time] of values) times.add(time);
  const columns = [...times].sort((a, b) => a - b);
  return series.map(({ metric, values = [] }) => {
    const numbers = values.map(([, value]) => toNumber(value)).filter(Number.isFinite);
    const least = Math.min(...numbers);
    const greatest = Math.max(...numbers);
    const figures =
      numbers.length === 0
        ? ["", "", ""]
        : [`min ${short(least)}`, `max ${short(greatest)}`, `last ${short(numbers.at(-1) ?? Number.NaN)}`];
    return {
      name: formatLabels(metric),
      cells: [sparkline(cellsOf(values, columns), least, greatest), ...figures],
    };
  });
}

function cellsOf(values: readonly PointJson[], columns: readonly number[]): (number | null)[] {
  const byTime = new Map(values.map(([time, value]) => [time, toNumber(value)]));
  return columns.map((time) => byTime.get(time) ?? null);
}

function toNumber(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
