import type { EvidenceHistory } from "@tocsin/alerts";
import { formatLabels } from "@tocsin/model";
import type { ActionRunJson } from "../api/actions-json.js";
import type { ExplanationJson } from "../api/alerts.js";
import { count, percent, table } from "./figures.js";
import { sparkline } from "./sparkline.js";

type Evidence = NonNullable<ExplanationJson["evidence"]>;

/** Why an alert fired, as text: how it went, what changed, where, who was told, what was done, and whether it would again. */
export function explanationText(found: ExplanationJson, runs: readonly ActionRunJson[]): string {
  const { evidence } = found;
  const severity = (found.labels.severity ?? found.state).toUpperCase();
  const ended = found.endsAt === null ? "" : `, until ${clock(found.endsAt)}`;
  return [
    `${found.labels.slo ?? found.name} → ${severity} at ${clock(found.startsAt ?? found.activeAt)}${ended} (${found.state})`,
    `  ${formatLabels(found.labels)}`,
    ...(found.annotations.summary ? [`  ${found.annotations.summary}`] : []),
    ...(evidence ? evidenceLines(evidence) : ["  It has not fired yet, so there is no evidence."]),
    ...noticeLines(found),
    ...(found.acknowledged
      ? [fact("Taken by", `${found.acknowledged.by}, ${clock(found.acknowledged.at)}`)]
      : []),
    ...doneLines(found, runs),
    ...(found.replay ? [fact("Replayed", `just now from stored samples: ${found.replay.text}`)] : []),
    "",
  ].join("\n");
}

function fact(name: string, text: string): string {
  return `  ${name.padEnd(14)} ${text}`;
}

function evidenceLines(evidence: Evidence): string[] {
  const { changes = [], where = [], traceIds = [], history } = evidence;
  return [
    ...(evidence.condition ? [fact("Condition", evidence.condition)] : []),
    ...windowLines(evidence.windows ?? []),
    ...(history ? [fact("Value", historyText(history))] : []),
    ...(evidence.values ?? []).map(({ name, value }) => fact("", `${three(value)} = ${name}`)),
    ...(changes.length === 0
      ? [fact("What changed", "no deployment in the hour before")]
      : changes.map(({ kind, text, atMs }) => fact("What changed", `${kind} ${text} at ${clock(atMs)}`))),
    ...where.map(({ by, value, share, bad, total }) =>
      fact(
        by === "error" ? "Looks like" : "Where",
        by === "error"
          ? `${value}, ${count(bad)} times (${percent(share)})`
          : `${by} ${value} carries ${percent(share)} of the bad ones (${count(bad)} of ${count(total)} fail)`,
      ),
    ),
    ...(where.length === 0 ? [fact("Where", "nothing stands out")] : []),
    ...(traceIds.length > 0 ? [fact("Traces", traceIds.join(" "))] : []),
  ];
}

function windowLines(windows: NonNullable<Evidence["windows"]>): string[] {
  if (windows.length === 0) return [];
  const rows = windows.map(({ window, bad, total, errorRatio, burnRate, limit, history }) => [
    window,
    `${count(bad)} / ${count(total)}`,
    percent(errorRatio),
    `${three(burnRate)}×`,
    `${three(limit)}×`,
    history ? bars(history.values, limit) : "",
  ]);
  const first = windows.find(({ history }) => history)?.history;
  const times = first
    ? `${clock(first.startMs)} ── ${clock(first.startMs + (first.values.length - 1) * first.stepMs)}`
    : "";
  return table(["window", "bad / all", "error rate", "burn", "limit", times], rows)
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`);
}

function historyText({ startMs, stepMs, values, operator, threshold, expression }: EvidenceHistory): string {
  const numbers = values.filter((value) => value !== null);
  const last = numbers.at(-1);
  const limit = threshold === undefined ? "" : `, fires when ${operator} ${three(threshold)}`;
  const times = `${clock(startMs)} ── ${clock(startMs + (values.length - 1) * stepMs)}`;
  return `${bars(values, threshold)}  ${times}  ${last === undefined ? "" : `now ${three(last)}`}${limit}  ${expression ?? ""}`.trimEnd();
}

/** From nothing, or less, up to the greatest value or the limit: what is over the limit is seen to be. */
function bars(values: readonly (number | null)[], limit: number | undefined): string {
  const known = [...values.filter((value) => value !== null), ...(limit === undefined ? [] : [limit])];
  return sparkline(values, Math.min(0, ...known), Math.max(0, ...known));
}

function noticeLines({ notices, receivers }: ExplanationJson): string[] {
  if (notices.length === 0)
    return [
      fact(
        "Sent",
        receivers.length === 0
          ? "to nobody: no route leads to a receiver"
          : `nothing yet, for ${receivers.join(", ")}`,
      ),
    ];
  return notices.map(({ destination, receiver, status, attempts, says, createdAt, error }) =>
    fact(
      "Sent",
      `${MARKS[status] ?? "·"} ${says} to ${receiver} (${destination}) ${status} at ${clock(createdAt)}, ${attempts} ${attempts === 1 ? "try" : "tries"}${error ? `: ${error}` : ""}`,
    ),
  );
}

const MARKS: Readonly<Record<string, string>> = { sent: "✓", dead: "✗", waiting: "…" };

function doneLines(found: ExplanationJson, runs: readonly ActionRunJson[]): string[] {
  if (runs.length === 0)
    return found.actions.length > 0 ? [fact("Done", `nothing; named: ${found.actions.join(", ")}`)] : [];
  return runs.map(({ action, state, mode, decidedAt, message, verdict, verdictReason, id }) => {
    const told = message === null ? "" : `: ${message}`;
    const helped = verdict === null ? "" : ` → ${verdict}${verdictReason ? ` (${verdictReason})` : ""}`;
    const waits = state === "waiting" ? `; tocsin action approve ${id}` : "";
    return fact("Done", `${action} ${state} (${mode}) since ${clock(decidedAt)}${told}${helped}${waits}`);
  });
}

function clock(at: string | number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

function three(value: number): string {
  return String(Number(value.toPrecision(3)));
}
