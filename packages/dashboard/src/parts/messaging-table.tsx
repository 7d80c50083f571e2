import type { Messaging } from "../state/api-types.js";
import { latency } from "../state/format.js";
import { TableHead, WideTable } from "./wide-table.js";

/** What a service consumes: how many messages wait, and how old they are. */
export function MessagingTable({ messaging }: { messaging: readonly Messaging[] }) {
  return (
    <WideTable label="messages">
      <caption class="muted">Messages that it consumes</caption>
      <TableHead
        columns={[
          "destination",
          "of",
          "group",
          { number: "waiting" },
          { number: "oldest" },
          { number: "age p50" },
          { number: "age p95" },
        ]}
      />
      <tbody>
        {messaging.map((each) => (
          <tr key={`${each.system} ${each.destination} ${each.consumerGroup}`}>
            <th scope="row">{each.destination}</th>
            <td>{each.system || "–"}</td>
            <td>{each.consumerGroup || "–"}</td>
            <td class="n">
              {each.lagMessages === null ? "not measured" : Math.round(each.lagMessages).toLocaleString("en")}
            </td>
            <td class="n">{latency(each.oldestSeconds)}</td>
            <td class="n">{latency(each.ageSeconds.p50)}</td>
            <td class="n">{latency(each.ageSeconds.p95)}</td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}
