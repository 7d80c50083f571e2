import type { SimulationAnswer, SpentBy } from "../api/slos.js";
import { durationWords } from "../slo/budget.js";
import type { SloStatus } from "../slo/status.js";
import { percent, table } from "./figures.js";

/** One line per SLO. */
export function listText(all: readonly SloStatus[]): string {
  if (all.length === 0) return "No SLO is configured. Add one under `slos:` in tocsin.yaml.\n";
  return table(
    ["slo", "service", "objective", "now", "budget left", "burn", "state", ""],
    all.map((each) => [
      titleOf(each),
      each.service,
      percentOf(each.objective),
      percent(each.sliRatio),
      percent(each.budgetRemainingRatio),
      burnText(each),
      each.state,
      each.exhaustion,
    ]),
  );
}

/** One SLO with its window pairs, and what spent its budget. */
export function showText(one: SloStatus & { readonly spentBy: readonly SpentBy[] }): string {
  return [
    `${titleOf(one)}: ${percentOf(one.objective)} over ${one.window}, ${one.service}`,
    `  good events   ${Math.round(one.good)} of ${Math.round(one.total)}`,
    `  budget left   ${percent(one.budgetRemainingRatio)}. ${one.exhaustion}`,
    `  state         ${one.state}`,
    "",
    table(
      ["pair", "windows", "limit", "long", "short", "bad / all (long)", "state"],
      one.alerts.map(({ severity, shortWindow, longWindow, limit, long, short, state }) => [
        severity,
        `${longWindow} and ${shortWindow}`,
        times(limit),
        times(long.burnRate),
        times(short.burnRate),
        `${Math.round(long.bad)} / ${Math.round(long.total)}`,
        state,
      ]),
    ),
    ...spentText(one.spentBy),
  ].join("\n");
}

function spentText(spenders: readonly SpentBy[]): string[] {
  if (spenders.length === 0) return [];
  const rows = spenders.map(({ by, value, bad, total, share, budgetRatio }) => [
    `${by} ${value}`,
    `${Math.round(bad)} / ${Math.round(total)}`,
    percent(share),
    percent(budgetRatio),
  ]);
  return ["", table(["spent by", "bad / all", "of the bad", "of the budget"], rows)];
}

/** Old against new, as a table, with what became of each page. */
export function simulationText(answer: SimulationAnswer): string {
  const { name, from, to, before, after, pages, coarsestSeconds } = answer;
  const span = durationWords(Date.parse(to) - Date.parse(from));
  const rows = [
    ["pages", String(before.pages.length), String(after.pages.length)],
    ["tickets", String(before.tickets.length), String(after.tickets.length)],
    ["budget spent", percent(before.budgetSpentRatio), percent(after.budgetSpentRatio)],
    ["actions", String(before.actions), String(after.actions)],
  ];
  const changes = pages.map(
    ({ alert, change }) => `  page ${alert.startsAt}  ${durationWords(alert.seconds * 1_000)}  (${change})\n`,
  );
  return [
    `${name}: ${span} of counts, ${Math.round(before.events)} events. `,
    `Its own counts are replayed; the oldest are known by ${durationWords(coarsestSeconds * 1_000)}.\n\n`,
    table(["", `now ${percentOf(before.objective)}`, `with ${percentOf(after.objective)}`], rows),
    ...changes,
  ].join("");
}

function titleOf({ name, group }: SloStatus): string {
  const labels = Object.entries(group).map(([label, value]) => `${label}=${value}`);
  return labels.length === 0 ? name : `${name} (${labels.join(", ")})`;
}

/** The burn rate over the first pair's windows, short and long. */
function burnText({ alerts }: SloStatus): string {
  const [first] = alerts;
  return first ? `${times(first.short.burnRate)} ${times(first.long.burnRate)}` : "";
}

function times(rate: number): string {
  return `${Number(rate.toPrecision(3))}×`;
}

function percentOf(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(6))} %`;
}
