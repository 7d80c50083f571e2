import { percentWords } from "./budget.js";
import type { MonthCounts } from "./months.js";

/** What a report says of one SLO in one month. */
export interface ReportRow {
  readonly name: string;
  readonly service: string;
  readonly month: string;
  readonly objective: number;
  readonly good: number;
  readonly total: number;
  /** null when nothing was counted. */
  readonly sliRatio: number | null;
  /** Share of the month's allowance that was spent; null when nothing was counted. */
  readonly budgetSpentRatio: number | null;
  readonly verdict: "kept" | "missed" | "no data";
}

/** The rows of one SLO, newest month first; of one month only where named. */
export function reportRows(
  slo: { name: string; service: string; objective: number; months: readonly MonthCounts[] },
  month?: string,
): ReportRow[] {
  const months = slo.months.filter((each) => month === undefined || each.month === month);
  const known = months.length > 0 || month === undefined ? months : [{ month, bad: 0, total: 0 }];
  return [...known]
    .sort((a, b) => (a.month < b.month ? 1 : -1))
    .map(({ month, bad, total }) => {
      const { name, service, objective } = slo;
      const sliRatio = total > 0 ? 1 - bad / total : null;
      const budgetSpentRatio = total > 0 ? bad / total / (1 - objective) : null;
      const verdict = budgetSpentRatio === null ? "no data" : budgetSpentRatio > 1 ? "missed" : "kept";
      return {
        name,
        service,
        month,
        objective,
        good: total - bad,
        total,
        sliRatio,
        budgetSpentRatio,
        verdict,
      };
    });
}

/** A report as a Markdown table. */
export function reportMarkdown(rows: readonly ReportRow[]): string {
  const head = "| Month | SLO | Service | Objective | Achieved | Good events | Budget spent | Promise |";
  const line = "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |";
  const body = rows.map((row) => {
    const achieved = row.sliRatio === null ? "–" : percentWords(row.sliRatio, 6);
    const spent = row.budgetSpentRatio === null ? "–" : percentWords(row.budgetSpentRatio);
    const events = `${whole(row.good)} of ${whole(row.total)}`;
    return `| ${row.month} | ${row.name} | ${row.service} | ${percentWords(row.objective, 6)} | ${achieved} | ${events} | ${spent} | ${row.verdict} |`;
  });
  return `${["# SLO report", "", head, line, ...body].join("\n")}\n`;
}

function whole(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}
