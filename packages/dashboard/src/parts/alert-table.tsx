import type { Alert } from "../state/api-types.js";
import { age, number, time } from "../state/format.js";
import { nowMs } from "../state/live.js";
import { Link } from "./link.js";
import { Mark, type Tone } from "./mark.js";
import { TableHead, WideTable } from "./wide-table.js";

/** Alerts as they stand, each with what it says, since when, and what may be done. */
export function AlertTable({ alerts }: { alerts: readonly Alert[] }) {
  return (
    <WideTable label="alerts">
      <TableHead columns={["state", "alert", "about", "since", { number: "value" }, "says", "actions"]} />
      <tbody>
        {alerts.map((alert) => (
          <tr key={alert.id}>
            <td>
              <Mark {...alertTone(alert)} />
            </td>
            <th scope="row">
              <Link to={`/alerts/${encodeURIComponent(alert.id)}`}>{alert.name}</Link>
            </th>
            <td>{alert.labels.slo ?? alert.labels.service ?? alert.labels.job ?? "–"}</td>
            <td>{sinceText(alert)}</td>
            <td class="n">{alert.value === null ? "–" : number(alert.value)}</td>
            <td class="wide">{alert.annotations.summary ?? alert.annotations.description ?? "–"}</td>
            <td>{alert.actions.join(", ") || "–"}</td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

/** How loud it is: by its state, and by whether anyone is to be woken. */
export function alertTone(alert: Alert): { tone: Tone; word: string } {
  const quiet =
    alert.silencedBy.length > 0 ? ", silenced" : alert.acknowledged ? `, with ${alert.acknowledged.by}` : "";
  switch (alert.state) {
    case "firing":
      return alert.labels.severity === "page"
        ? { tone: "page", word: `page${quiet}` }
        : { tone: "warn", word: `${alert.labels.severity ?? "firing"}${quiet}` };
    case "pending":
      return { tone: "warn", word: "pending" };
    case "resolved":
      return { tone: "ok", word: "resolved" };
    default:
      return { tone: "none", word: `${alert.state}${quiet}` };
  }
}

function sinceText({ state, activeAt, startsAt, endsAt }: Alert): string {
  if (state === "resolved") return `until ${time(endsAt)}`;
  const from = startsAt ?? activeAt;
  return `${time(from)} (${age(Date.parse(from), nowMs.value)})`;
}
