import { Empty } from "../parts/empty.js";
import { Panel } from "../parts/panel.js";
import { ServiceTable } from "../parts/service-table.js";
import { services, slos } from "../state/live.js";

export function ServicesPage() {
  return (
    <>
      <h1>Services</h1>
      <Panel title="Every service that was heard" from={services.value}>
        {(data) =>
          data.length === 0 ? (
            <Empty of="services" />
          ) : (
            <ServiceTable services={data} slos={slos.value.data ?? []} />
          )
        }
      </Panel>
    </>
  );
}
