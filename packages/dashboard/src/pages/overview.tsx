import { alertTone } from "../parts/alert-table.js";
import { Empty } from "../parts/empty.js";
import { Link } from "../parts/link.js";
import { Mark } from "../parts/mark.js";
import { Panel } from "../parts/panel.js";
import { RunTable } from "../parts/run-table.js";
import { ServiceTable } from "../parts/service-table.js";
import { SloTable } from "../parts/slo-table.js";
import { StoreNote } from "../parts/store-note.js";
import { age, time } from "../state/format.js";
import { actions, firing, nowMs, services, slos } from "../state/live.js";

/** Is anything wrong, and since when? */
export function Overview() {
  return (
    <>
      <h1>Overview</h1>
      <Incidents />
      <Panel title="Services" from={services.value}>
        {(data) =>
          data.length === 0 ? (
            <Empty of="services" />
          ) : (
            <ServiceTable services={data} slos={slos.value.data ?? []} />
          )
        }
      </Panel>
      <Panel title="SLOs" from={slos.value}>
        {(data) => (data.length === 0 ? <Empty of="slos" /> : <SloTable slos={data} />)}
      </Panel>
      <Panel title="Latest actions" from={actions.value} aside={<Link to="/actions">all</Link>}>
        {(data) => (data.length === 0 ? <Empty of="actions" /> : <RunTable runs={data.slice(0, 5)} />)}
      </Panel>
      <StoreNote />
    </>
  );
}

/** One box per firing alert; nothing at all when all is well. */
function Incidents() {
  return (
    <div aria-live="polite">
      {firing.value.map((alert) => {
        const from = alert.startsAt ?? alert.activeAt;
        return (
          <section class="incident" key={alert.id} aria-label={`Alert ${alert.name}`}>
            <p>
              <Mark {...alertTone(alert)} /> <strong>{alert.labels.slo ?? alert.name}</strong>{" "}
              {alert.annotations.summary ?? ""} · since {time(from)} ({age(Date.parse(from), nowMs.value)}){" "}
              <Link to={`/alerts/${encodeURIComponent(alert.id)}`}>Why</Link>
            </p>
          </section>
        );
      })}
    </div>
  );
}
