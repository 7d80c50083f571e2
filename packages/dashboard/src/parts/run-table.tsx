import type { ActionRun } from "../state/api-types.js";
import { burn, percent, time } from "../state/format.js";
import { Link } from "./link.js";
import { Mark, type Tone } from "./mark.js";
import { TableHead, WideTable } from "./wide-table.js";

/** What was done, for whom and why, and whether it helped. */
export function RunTable({ runs }: { runs: readonly ActionRun[] }) {
  return (
    <WideTable label="runs of actions">
      <TableHead
        columns={[
          "state",
          "action",
          "mode",
          "because of",
          "decided",
          "done",
          "errors before → after",
          "did it help?",
        ]}
      />
      <tbody>
        {runs.map((run) => (
          <tr key={run.id}>
            <td>
              <Mark {...runTone(run)} />
            </td>
            <th scope="row">
              <Link to={`/actions/${encodeURIComponent(run.id)}`}>{run.action}</Link>
            </th>
            <td>{run.mode}</td>
            <td>{run.requestedBy ? run.requestedBy.by : (run.slo ?? run.alert.name)}</td>
            <td>{time(run.decidedAt)}</td>
            <td>{time(run.finishedAt)}</td>
            <td>{beforeAfter(run)}</td>
            <td class="wide">{run.verdict === null ? "–" : `${run.verdict}: ${run.verdictReason ?? ""}`}</td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

/** A run's state in a word and a shape. */
export function runTone({ state, verdict }: ActionRun): { tone: Tone; word: string } {
  switch (state) {
    case "acting":
    case "verifying":
    case "reverting":
      return { tone: "acting", word: state };
    case "waiting":
      return { tone: "warn", word: "waits for approval" };
    case "failed":
      return { tone: "page", word: "failed" };
    case "done":
      if (verdict === "helped") return { tone: "ok", word: "helped" };
      return { tone: verdict === "worse" ? "page" : "warn", word: verdict ?? "done" };
    default:
      return { tone: "none", word: state };
  }
}

function beforeAfter({ before, after }: ActionRun): string {
  if (!before) return "–";
  const start = `${percent(before.errorRatio)} (${burn(before.burnRate)})`;
  return after ? `${start} → ${percent(after.errorRatio)} (${burn(after.burnRate)})` : start;
}
