import type { Labels } from "@tocsin/model";
import { percentWords } from "./budget.js";
import type { MonthCounts } from "./months.js";
import type { EventCounts } from "./window-ring.js";

/** Lengths of the periods that a report may have. */
export const REPORT_PERIODS = ["month", "quarter", "year"] as const;
export type ReportPeriod = (typeof REPORT_PERIODS)[number];

/** What a report says of one SLO in one period. */
export interface ReportRow {
  readonly name: string;
  /** Labels of the group, for SLOs with `by`. */
  readonly group: Labels;
  readonly service: string;
  /** `2026-11`, `2026-Q4` or `2026`. */
  readonly period: string;
  readonly objective: number;
  readonly good: number;
  readonly total: number;
  /** null when nothing was counted. */
  readonly sliRatio: number | null;
  /** Share of the period's allowance that was spent; null when nothing was counted. */
  readonly budgetSpentRatio: number | null;
  readonly verdict: "kept" | "missed" | "no data";
}

/** What is reported of an SLO. */
export interface ReportedSlo {
  readonly name: string;
  readonly group: Labels;
  readonly service: string;
  readonly objective: number;
  readonly months: readonly MonthCounts[];
}

/** The rows of one SLO, newest period first; of one period only where named, also when nothing was counted in it. */
export function reportRows(
  { name, group, service, objective, months }: ReportedSlo,
  options: { readonly by?: ReportPeriod; readonly only?: string | undefined } = {},
): ReportRow[] {
  const { by = "month", only } = options;
  const periods = new Map<string, EventCounts>(only === undefined ? [] : [[only, { bad: 0, total: 0 }]]);
  for (const { month, bad, total } of months) {
    const period = periodOf(month, by);
    if (only !== undefined && period !== only) continue;
    const before = periods.get(period);
    periods.set(period, { bad: bad + (before?.bad ?? 0), total: total + (before?.total ?? 0) });
  }
  return [...periods]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([period, counts]) => ({ name, group, service, period, objective, ...judge(counts, objective) }));
}

/** The period that a month such as `2026-11` lies in. */
function periodOf(month: string, by: ReportPeriod): string {
  const [year = "", number = "1"] = month.split("-");
  if (by === "year") return year;
  return by === "quarter" ? `${year}-Q${Math.ceil(Number(number) / 3)}` : month;
}

function judge({ bad, total }: EventCounts, objective: number) {
  if (total <= 0)
    return { good: 0, total: 0, sliRatio: null, budgetSpentRatio: null, verdict: "no data" as const };
  const budgetSpentRatio = bad / total / (1 - objective);
  const verdict = budgetSpentRatio > 1 ? ("missed" as const) : ("kept" as const);
  return { good: total - bad, total, sliRatio: 1 - bad / total, budgetSpentRatio, verdict };
}

/** A report as a Markdown table. */
export function reportMarkdown(rows: readonly ReportRow[]): string {
  const head = "| Period | SLO | Service | Objective | Achieved | Good events | Budget spent | Promise |";
  const line = "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |";
  const body = rows.map((row) => {
    const achieved = row.sliRatio === null ? "–" : percentWords(row.sliRatio, 6);
    const spent = row.budgetSpentRatio === null ? "–" : percentWords(row.budgetSpentRatio);
    const events = `${whole(row.good)} of ${whole(row.total)}`;
    return `| ${row.period} | ${titleOf(row)} | ${row.service} | ${percentWords(row.objective, 6)} | ${achieved} | ${events} | ${spent} | ${row.verdict} |`;
  });
  return `${["# SLO report", "", head, line, ...body].join("\n")}\n`;
}

function whole(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

function titleOf({ name, group }: ReportRow): string {
  const labels = Object.entries(group).map(([label, value]) => `${label}=${value}`);
  // A bar within a cell would end it.
  return [name, ...(labels.length > 0 ? [`(${labels.join(", ")})`] : [])].join(" ").replaceAll("|", "\\|");
}
