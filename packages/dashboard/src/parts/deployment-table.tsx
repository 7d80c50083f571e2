import type { Deployment } from "../state/api-types.js";
import { dayTime, latency, percent } from "../state/format.js";
import { Mark, type Tone } from "./mark.js";
import { TableHead, WideTable } from "./wide-table.js";

const VERDICTS: Readonly<Record<Deployment["verdict"], Tone>> = {
  better: "ok",
  same: "ok",
  worse: "page",
  "too little data": "none",
};

/** Deployments with figures before and after, and how many requests these are of, newest first. */
export function DeploymentTable({ deployments }: { deployments: readonly Deployment[] }) {
  return (
    <WideTable label="deployments">
      <TableHead
        columns={[
          "deployed",
          "version",
          "how",
          { number: "errors before" },
          { number: "errors after" },
          { number: "p95 before" },
          { number: "p95 after" },
          "verdict",
        ]}
      />
      <tbody>
        {deployments.map((each) => (
          <tr key={each.id}>
            <td>{dayTime(each.at)}</td>
            <th scope="row">
              {changeText(each)} {each.environment === "" ? "" : `(${each.environment})`}
            </th>
            <td>{each.by === "" ? each.source : `${each.source} by ${each.by}`}</td>
            <td class="n">{errorsText(each.before)}</td>
            <td class="n">{errorsText(each.after)}</td>
            <td class="n">{latency(each.before?.latencySeconds.p95)}</td>
            <td class="n">{latency(each.after?.latencySeconds.p95)}</td>
            <td>
              <Mark tone={VERDICTS[each.verdict]} word={each.verdict} />
            </td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

function changeText({ version, previousVersion, changed }: Deployment): string {
  if (previousVersion === "") return version;
  return previousVersion === version
    ? `${version} (other ${changed.join(", ")})`
    : `${previousVersion} → ${version}`;
}

function errorsText(figures: Deployment["before"]): string {
  return figures
    ? `${percent(figures.errorRatio)} of ${Math.round(figures.requests).toLocaleString("en")}`
    : "–";
}
