import { AlertTable } from "../parts/alert-table.js";
import { Empty } from "../parts/empty.js";
import { EndingSilences } from "../parts/ending-silences.js";
import { Panel } from "../parts/panel.js";
import { alerts } from "../state/live.js";

export function AlertsPage() {
  return (
    <>
      <h1>Alerts</h1>
      <EndingSilences />
      <Panel title="Firing, pending and just ended" from={alerts.value}>
        {(data) => (data.length === 0 ? <Empty of="alerts" /> : <AlertTable alerts={data} />)}
      </Panel>
    </>
  );
}
