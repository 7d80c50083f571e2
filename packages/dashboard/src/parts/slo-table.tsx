import type { Slo } from "../state/api-types.js";
import { burn, number, objective, percent } from "../state/format.js";
import { Link } from "./link.js";
import { Mark, type Tone } from "./mark.js";
import { TableHead, WideTable } from "./wide-table.js";

/** What an SLO's states look like. */
export const SLO_STATES: Readonly<Record<Slo["state"], { tone: Tone; word: string }>> = {
  page: { tone: "page", word: "burning" },
  ticket: { tone: "warn", word: "slow burn" },
  "no-data": { tone: "none", word: "no data" },
  ok: { tone: "ok", word: "ok" },
};

/** The page of one SLO, or of one group of it. */
function addressOf({ name, group }: Slo): string {
  const query = new URLSearchParams(group).toString();
  return `/slos/${encodeURIComponent(name)}${query === "" ? "" : `?${query}`}`;
}

/** Objectives with what is left of their budgets and how fast it is spent, the emptiest first. */
export function SloTable({ slos }: { slos: readonly Slo[] }) {
  const windows = [...new Set(slos.flatMap(({ burnRates }) => Object.keys(burnRates)))];
  return (
    <WideTable label="SLOs">
      <TableHead
        columns={[
          "state",
          "SLO",
          "service",
          { number: "objective" },
          { number: "now" },
          "budget left",
          ...windows.map((window) => ({ number: `burn ${window}` })),
          "at this pace",
        ]}
      />
      <tbody>
        {[...slos]
          .sort((a, b) => a.budgetRemainingRatio - b.budgetRemainingRatio)
          .map((slo) => (
            <tr key={slo.name + JSON.stringify(slo.group)}>
              <td>
                <Mark {...SLO_STATES[slo.state]} />
              </td>
              <th scope="row">
                <Link to={addressOf(slo)}>{slo.name}</Link> {groupText(slo)}
              </th>
              <td>{slo.service}</td>
              <td class="n">
                {objective(slo.objective)} / {slo.window}
              </td>
              <td class="n">
                {slo.sliRatio === null ? "no events" : objective(Number(slo.sliRatio.toPrecision(5)))}
              </td>
              <td>
                <Budget slo={slo} />
              </td>
              {windows.map((window) => (
                <td class="n" key={window}>
                  {burn(slo.burnRates[window])}
                </td>
              ))}
              <td class="wide">{slo.exhaustion}</td>
            </tr>
          ))}
      </tbody>
    </WideTable>
  );
}

/** What is left of an SLO's budget, as a meter and in words. */
export function Budget({ slo: { budgetRemainingRatio: left, state } }: { slo: Slo }) {
  const width = `${Math.round(Math.min(1, Math.max(0, left)) * 100)}%`;
  return (
    <span>
      <span class={`meter ${SLO_STATES[state].tone}`} aria-hidden="true">
        <i style={{ width }} />
      </span>
      {left < 0 ? `overspent by ${number(-left * 100)} %` : percent(left)}
    </span>
  );
}

/** The labels of a group, in brackets. */
export function groupText({ group }: Slo): string {
  const pairs = Object.entries(group).map(([label, value]) => `${label}=${value}`);
  return pairs.length === 0 ? "" : `(${pairs.join(", ")})`;
}
