import { Empty } from "../parts/empty.js";
import { Panel } from "../parts/panel.js";
import { SloTable } from "../parts/slo-table.js";
import { slos } from "../state/live.js";

export function SlosPage() {
  return (
    <>
      <h1>SLOs</h1>
      <Panel title="Error budgets" from={slos.value}>
        {(data) => (data.length === 0 ? <Empty of="slos" /> : <SloTable slos={data} />)}
      </Panel>
      <p class="muted">
        A burn rate of 1× spends the error budget exactly in the SLO's window; 10× spends it in a tenth of
        that.
      </p>
    </>
  );
}
