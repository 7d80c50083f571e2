import type { SaturationReading } from "../state/api-types.js";
import { latency, number, percent } from "../state/format.js";
import { TableHead, WideTable } from "./wide-table.js";

/** Every part of a service that can be full, the fullest first, with what was measured and where. */
export function SaturationTable({ readings }: { readings: readonly SaturationReading[] }) {
  return (
    <WideTable label="saturation">
      <caption class="muted">Saturation, of the fullest instance</caption>
      <TableHead
        columns={[
          "part",
          { number: "full" },
          { number: "measured" },
          { number: "full at" },
          "instance",
          "read from",
        ]}
      />
      <tbody>
        {readings.map((each) => (
          <tr key={each.part}>
            <th scope="row">{each.name === "" ? each.part : `${each.part} ${each.name}`}</th>
            <td class="n">{percent(each.ratio)}</td>
            <td class="n">{quantity(each.value, each.unit)}</td>
            <td class="n">{quantity(each.fullAt, each.unit)}</td>
            <td>{each.instance || "–"}</td>
            <td>{each.metric}</td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

function quantity(value: number, unit: SaturationReading["unit"]): string {
  if (unit === "ratio") return percent(value);
  if (unit === "seconds") return latency(value);
  if (unit === "bytes") return `${number(value / 2 ** 20)} MiB`;
  return unit === "cpus" ? `${number(value)} CPU` : number(value);
}
