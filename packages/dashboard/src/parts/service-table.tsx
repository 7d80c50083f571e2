import type { Service, Slo } from "../state/api-types.js";
import { age, number, percent, perSecond, quantile } from "../state/format.js";
import { nowMs } from "../state/live.js";
import { Link } from "./link.js";
import { Mark, type Tone } from "./mark.js";
import { TableHead, WideTable } from "./wide-table.js";

/** One row per service with the four signals, those in trouble first. */
export function ServiceTable({ services, slos }: { services: readonly Service[]; slos: readonly Slo[] }) {
  return (
    <WideTable label="services">
      <TableHead
        columns={[
          "state",
          "service",
          { number: "rate" },
          { number: "errors" },
          { number: "p50" },
          { number: "p95" },
          { number: "p99" },
          "saturation",
          { number: "budget" },
          "version",
          { number: "last seen" },
        ]}
      />
      <tbody>
        {bySeverity(services, slos).map((service) => {
          const { tone, word } = stateOf(service, slos);
          return (
            <tr key={`${service.service} ${service.environment}`}>
              <td>
                <Mark tone={tone} word={word} />
              </td>
              <th scope="row">
                <Link to={`/services/${encodeURIComponent(service.service)}`}>{service.service}</Link>
              </th>
              <td class="n">{perSecond(service.trafficPerSecond)}</td>
              <td class="n">{percent(service.errorRatio)}</td>
              <td class="n">{quantile(service, "p50")}</td>
              <td class="n">{quantile(service, "p95")}</td>
              <td class="n">{quantile(service, "p99")}</td>
              <td>{saturationText(service)}</td>
              <td class="n">{percent(lowestBudget(service, slos))}</td>
              <td>{service.version || "–"}</td>
              <td class="n">{age(Date.parse(service.lastSeenAt), nowMs.value)}</td>
            </tr>
          );
        })}
      </tbody>
    </WideTable>
  );
}

/** The worst word of its SLOs; without SLOs, whether anything is heard of it. */
export function stateOf(service: Service, slos: readonly Slo[]): { tone: Tone; word: string } {
  const states = slos.filter((slo) => slo.service === service.service).map(({ state }) => state);
  if (states.includes("page")) return { tone: "page", word: "burning" };
  if (states.includes("ticket")) return { tone: "warn", word: "slow burn" };
  if (service.state === "quiet") return { tone: "none", word: "quiet" };
  return { tone: "ok", word: "ok" };
}

const ORDER: readonly Tone[] = ["page", "warn", "acting", "none", "ok"];

function bySeverity(services: readonly Service[], slos: readonly Slo[]): readonly Service[] {
  const rank = (service: Service): number => ORDER.indexOf(stateOf(service, slos).tone);
  return [...services].sort((a, b) => rank(a) - rank(b) || a.service.localeCompare(b.service));
}

export function saturationText({ saturation }: Service): string {
  if (!saturation || saturation.ratio === null) return "–";
  return `${saturation.part ?? ""} ${number(saturation.ratio * 100)} %`.trim();
}

function lowestBudget(service: Service, slos: readonly Slo[]): number | null {
  const left = slos.filter((slo) => slo.service === service.service).map((slo) => slo.budgetRemainingRatio);
  return left.length === 0 ? null : Math.min(...left);
}
