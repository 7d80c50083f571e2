import type { ActionRun } from "../state/api-types.js";
import { time } from "../state/format.js";
import { Mark } from "./mark.js";
import { runTone } from "./run-table.js";

/** Everything about one run: the plan, what was looked at first, and what came of it. */
export function RunDetail({ run }: { run: ActionRun }) {
  return (
    <>
      <p>
        <Mark {...runTone(run)} /> <strong>{run.action}</strong> ({run.type}, {run.mode}) for{" "}
        {run.slo ?? run.alert.name}
      </p>
      {run.plan && <PlanText plan={run.plan} />}
      <ul class="plain" aria-label="What was looked at first">
        {run.guards.map(({ guard, passed, text }) => (
          <li key={guard}>
            <Mark tone={passed ? "ok" : "page"} word={passed ? "passed" : "against it"} /> {guard}: {text}
          </li>
        ))}
      </ul>
      <ol aria-label="What happened">
        {steps(run).map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </>
  );
}

function PlanText({ plan }: { plan: NonNullable<ActionRun["plan"]> }) {
  return (
    <>
      <p>{plan.summary}</p>
      <ul>
        {plan.changes.map(({ what, before, after }) => (
          <li key={what}>
            {what}: {before ?? "unknown"} → {after}
          </li>
        ))}
      </ul>
      <pre>
        {plan.request.method} {plan.request.url}
        {plan.request.body === undefined ? "" : `\n${JSON.stringify(plan.request.body, null, 2)}`}
      </pre>
    </>
  );
}

function steps(run: ActionRun): string[] {
  const list = [
    `${time(run.decidedAt)} decided${run.requestedBy ? `, asked for by ${run.requestedBy.by}` : ""}`,
  ];
  if (run.answer)
    list.push(`${time(run.answer.at)} ${run.answer.answer} by ${run.answer.by}: ${run.answer.reason}`);
  if (run.lapse !== null) list.push(`lapsed: ${run.lapse}`);
  if (run.startedAt !== null) list.push(`${time(run.startedAt)} started, ${run.attempts} attempt(s)`);
  if (run.finishedAt !== null) list.push(`${time(run.finishedAt)} ended: ${run.message ?? ""}`);
  if (run.verifiedAt !== null)
    list.push(`${time(run.verifiedAt)} ${run.verdict ?? ""}: ${run.verdictReason ?? ""}`);
  return list;
}
