import { AnswerDialog } from "../parts/answer-dialog.js";
import { Empty } from "../parts/empty.js";
import { Link } from "../parts/link.js";
import { Panel } from "../parts/panel.js";
import { RunDetail } from "../parts/run-detail.js";
import { RunTable } from "../parts/run-table.js";
import { StopSwitch } from "../parts/stop-switch.js";
import { TableHead, WideTable } from "../parts/wide-table.js";
import type { Catalogue } from "../state/api-types.js";
import { actions, catalogue } from "../state/live.js";

/** What waits for a person, what was done, and what could be. */
export function ActionsPage({ chosen }: { chosen: string | undefined }) {
  const waiting = (actions.value.data ?? []).filter(({ state }) => state === "waiting");
  return (
    <>
      <h1>Actions</h1>
      <StopSwitch />
      {waiting.length > 0 && (
        <Panel title="Waiting for approval" from={actions.value}>
          {() =>
            waiting.map((run) => (
              <div key={run.id}>
                <RunDetail run={run} />
                <AnswerDialog run={run} />
              </div>
            ))
          }
        </Panel>
      )}
      {chosen !== undefined && (
        <Panel title={`Run ${chosen}`} from={actions.value} aside={<Link to="/actions">close</Link>}>
          {(data) => {
            const run = data.find(({ id }) => id === chosen);
            return run ? <RunDetail run={run} /> : <p>There is no run {chosen} among the latest hundred.</p>;
          }}
        </Panel>
      )}
      <Panel title="History" from={actions.value}>
        {(data) => (data.length === 0 ? <Empty of="actions" /> : <RunTable runs={data} />)}
      </Panel>
      <Panel title="Catalogue" from={catalogue.value}>
        {(data) => (data.actions.length === 0 ? <Empty of="actions" /> : <CatalogueTable catalogue={data} />)}
      </Panel>
    </>
  );
}

function CatalogueTable({ catalogue: { actions: all } }: { catalogue: Catalogue }) {
  return (
    <WideTable label="catalogue of actions">
      <TableHead columns={["action", "kind", "mode", "limits"]} />
      <tbody>
        {all.map(({ name, type, mode, limits }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{type}</td>
            <td>{mode}</td>
            <td>
              {limits.usedToday} of {limits.maxPerDay} in 24 h used · cooldown {limits.cooldown} · at most{" "}
              {limits.maxAtOnce} at once
            </td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}
