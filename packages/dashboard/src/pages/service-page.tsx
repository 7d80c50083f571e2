import { useEffect } from "preact/hooks";
import { Chart } from "../parts/chart.js";
import { DeploymentTable } from "../parts/deployment-table.js";
import { Link } from "../parts/link.js";
import { Mark } from "../parts/mark.js";
import { MessagingTable } from "../parts/messaging-table.js";
import { Panel } from "../parts/panel.js";
import { SaturationTable } from "../parts/saturation-table.js";
import { saturationText, stateOf } from "../parts/service-table.js";
import { SloTable } from "../parts/slo-table.js";
import { TableHead, WideTable } from "../parts/wide-table.js";
import type { Service } from "../state/api-types.js";
import { latency, percent, perSecond, quantile, quantileWithError, time } from "../state/format.js";
import { fillHistory, history } from "../state/history.js";
import { deployments, services, slos } from "../state/live.js";

const DEPLOYMENTS_SHOWN = 10;

/** One service: the four signals as numbers and, over the last ten minutes, as charts. */
export function ServicePage({ name }: { name: string }) {
  const own = (slos.value.data ?? []).filter(({ service }) => service === name);
  return (
    <>
      <h1>{name}</h1>
      <Panel title="Signals" from={services.value}>
        {(data) => {
          const service = data.find((each) => each.service === name);
          if (service) return <Signals service={service} />;
          return (
            <p>
              <Mark tone="none" word={`Nothing was heard of “${name}”.`} />{" "}
              <Link to="/services">See the services</Link> that were.
            </p>
          );
        }}
      </Panel>
      <Charts name={name} />
      {(deployments.value.data?.length ?? 0) > 0 && (
        <Panel title="Deployments" from={deployments.value}>
          {(data) => <DeploymentTable deployments={data.slice(0, DEPLOYMENTS_SHOWN)} />}
        </Panel>
      )}
      {own.length > 0 && (
        <Panel title="SLOs" from={slos.value}>
          {() => <SloTable slos={own} />}
        </Panel>
      )}
    </>
  );
}

function Signals({ service }: { service: Service }) {
  const facts: readonly (readonly [string, string])[] = [
    ["rate", perSecond(service.trafficPerSecond)],
    ["errors", percent(service.errorRatio)],
    ["p50", quantileWithError(service, "p50")],
    ["p95", quantileWithError(service, "p95")],
    ["p99", quantileWithError(service, "p99")],
    ["saturation", saturationText(service)],
    ...(service.saturation?.instance ? [["fullest instance", service.saturation.instance] as const] : []),
    ["version", service.version || "–"],
  ];
  const readings = service.saturation?.readings ?? [];
  return (
    <>
      <p>
        <Mark {...stateOf(service, slos.value.data ?? [])} />
      </p>
      <dl class="facts">
        {facts.map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {(service.versions ?? []).length > 1 && (
        <WideTable label="versions">
          <caption class="muted">Versions</caption>
          <TableHead columns={["version", { number: "rate" }, { number: "errors" }, { number: "p95" }]} />
          <tbody>
            {service.versions?.map((each) => (
              <tr key={each.version}>
                <th scope="row">{each.version}</th>
                <td class="n">{perSecond(each.trafficPerSecond)}</td>
                <td class="n">{percent(each.errorRatio)}</td>
                <td class="n">{quantile(each, "p95")}</td>
              </tr>
            ))}
          </tbody>
        </WideTable>
      )}
      {service.messaging !== undefined && service.messaging.length > 0 && (
        <MessagingTable messaging={service.messaging} />
      )}
      {(service.foldedRoutes ?? 0) > 0 && (
        <p>
          <Mark tone="warn" word={`${service.foldedRoutes} routes are counted as {other}`} />: more than can
          be told apart. Give them an http.route.
        </p>
      )}
      {readings.length > 0 && <SaturationTable readings={readings} />}
    </>
  );
}

function Charts({ name }: { name: string }) {
  const environment = services.value.data?.find(({ service }) => service === name)?.environment;
  useEffect(() => {
    if (environment !== undefined) void fillHistory(name, environment, Date.now());
  }, [name, environment, services.value.receivedAtMs]);
  const samples = history.value.get(name) ?? [];
  const [first] = samples;
  if (!first) return null;
  return (
    <section aria-label="Charts">
      <header>
        <h2>Since {time(first.atMs)}</h2>
      </header>
      <div class="charts">
        <Chart
          title="errors"
          color={2}
          show={percent}
          points={samples.map(({ atMs, errorRatio }) => ({ atMs, value: errorRatio }))}
        />
        <Chart
          title="rate"
          color={1}
          show={perSecond}
          points={samples.map(({ atMs, trafficPerSecond }) => ({ atMs, value: trafficPerSecond }))}
        />
        <Chart
          title="p95"
          color={1}
          show={latency}
          points={samples.map(({ atMs, p95Seconds }) => ({ atMs, value: p95Seconds }))}
        />
      </div>
    </section>
  );
}
