import { Chart } from "../parts/chart.js";
import { Link } from "../parts/link.js";
import { Mark, type Tone } from "../parts/mark.js";
import { Panel } from "../parts/panel.js";
import { Budget, groupText, SLO_STATES } from "../parts/slo-table.js";
import { TableHead, WideTable } from "../parts/wide-table.js";
import type { SloDetail, SloPair } from "../state/api-types.js";
import { burn, dayTime, number, objective, percent } from "../state/format.js";
import { sloDetail } from "../state/live.js";

/** One SLO: what is promised, how fast its budget is spent, and on what. */
export function SloPage({ name }: { name: string }) {
  return (
    <>
      <h1>{name}</h1>
      <Panel title="Promise" from={sloDetail.value}>
        {(slo) => <Promised slo={slo} />}
      </Panel>
      <Panel title="Burn rates" from={sloDetail.value}>
        {(slo) => <Pairs pairs={slo.alerts} />}
      </Panel>
      <Panel title="Spent by" from={sloDetail.value}>
        {(slo) => <SpentBy slo={slo} />}
      </Panel>
      {(sloDetail.value.data?.corrections.length ?? 0) > 0 && (
        <Panel title="Corrections" from={sloDetail.value}>
          {(slo) => <Corrections slo={slo} />}
        </Panel>
      )}
    </>
  );
}

function Promised({ slo }: { slo: SloDetail }) {
  const events = (count: number) => Math.round(count).toLocaleString("en");
  return (
    <>
      <p>
        <Mark {...SLO_STATES[slo.state]} /> {objective(slo.objective)} over {slo.window},{" "}
        <Link to={`/services/${encodeURIComponent(slo.service)}`}>{slo.service}</Link> {groupText(slo)}.{" "}
        {slo.exhaustion}
      </p>
      {slo.description !== "" && <p class="muted">{slo.description}</p>}
      <dl class="facts">
        <div>
          <dt>good events</dt>
          <dd>
            {events(slo.good)} of {events(slo.total)}
          </dd>
        </div>
        <div>
          <dt>now</dt>
          <dd>{slo.sliRatio === null ? "no events" : objective(Number(slo.sliRatio.toPrecision(6)))}</dd>
        </div>
        <div>
          <dt>budget left</dt>
          <dd>
            <Budget slo={slo} />
          </dd>
        </div>
      </dl>
      <div class="charts">
        <Chart
          title="budget left"
          color={1}
          show={percent}
          points={slo.burnDown.map(({ at, budgetRemainingRatio }) => ({
            atMs: Date.parse(at),
            value: budgetRemainingRatio,
          }))}
        />
      </div>
    </>
  );
}

const PAIR_STATES: Readonly<Record<SloPair["state"], { tone: Tone; word: string }>> = {
  firing: { tone: "page", word: "firing" },
  gated: { tone: "warn", word: "too little evidence" },
  "no-data": { tone: "none", word: "no data" },
  ok: { tone: "ok", word: "ok" },
};

function Pairs({ pairs }: { pairs: readonly SloPair[] }) {
  return (
    <WideTable label="window pairs">
      <TableHead
        columns={[
          "state",
          "severity",
          "windows",
          { number: "limit" },
          { number: "long" },
          { number: "short" },
          { number: "bad / all (long)" },
        ]}
      />
      <tbody>
        {pairs.map(({ severity, longWindow, shortWindow, limit, state, long, short }) => (
          <tr key={`${severity}${longWindow}${shortWindow}`}>
            <td>
              <Mark {...PAIR_STATES[state]} />
            </td>
            <td>{severity}</td>
            <th scope="row">
              {longWindow} and {shortWindow}
            </th>
            <td class="n">{burn(limit)}</td>
            <td class="n">{long.total > 0 ? burn(long.burnRate) : "–"}</td>
            <td class="n">{short.total > 0 ? burn(short.burnRate) : "–"}</td>
            <td class="n">
              {number(long.bad)} / {number(long.total)}
            </td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

function SpentBy({ slo }: { slo: SloDetail }) {
  if (slo.spentBy.length === 0) return <p class="muted">Nothing was spent, or nothing tells on what.</p>;
  return (
    <WideTable label="spent by">
      <TableHead
        columns={[
          "by",
          "value",
          { number: "bad / all" },
          { number: "of the bad" },
          { number: "of the budget" },
        ]}
      />
      <tbody>
        {slo.spentBy.map(({ by, value, bad, total, share, budgetRatio }) => (
          <tr key={`${by} ${value}`}>
            <td>{by}</td>
            <th scope="row">{value}</th>
            <td class="n">
              {number(bad)} / {number(total)}
            </td>
            <td class="n">{percent(share)}</td>
            <td class="n">{percent(budgetRatio)}</td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

function Corrections({ slo }: { slo: SloDetail }) {
  return (
    <ul class="plain">
      {slo.corrections.map(({ from, to, reason, by }) => (
        <li key={from + to}>
          {dayTime(from)} to {dayTime(to)} does not count: {reason}
          {by === "" ? "" : ` (${by})`}
        </li>
      ))}
    </ul>
  );
}
