import type { Silence } from "../state/api-types.js";
import { dayTime, until } from "../state/format.js";
import { nowMs, post } from "../state/live.js";
import { FormDialog } from "./form-dialog.js";
import { Mark, type Tone } from "./mark.js";
import { SilenceDialog } from "./silence-dialog.js";
import { TableHead, WideTable } from "./wide-table.js";

/** Silences with what each mutes now, who made it and why, and what may be done with it. */
export function SilenceTable({ silences }: { silences: readonly Silence[] }) {
  return (
    <WideTable label="silences">
      <TableHead columns={["state", "mutes", { number: "firing now" }, "until", "who and why", "change"]} />
      <tbody>
        {silences.map((silence) => (
          <tr key={silence.id}>
            <td>
              <Mark {...silenceTone(silence)} />
            </td>
            <th scope="row" class="wide">
              <code>{silence.matchers}</code>
              {silence.recurs !== null && <div>{silence.recurs}</div>}
            </th>
            <td class="n">{silence.mutes}</td>
            <td>{endText(silence)}</td>
            <td class="wide">
              {silence.createdBy}: {silence.comment}
            </td>
            <td>
              {silence.state === "expired" ? <Again silence={silence} /> : <Change silence={silence} />}
            </td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

function Change({ silence }: { silence: Silence }) {
  const path = `/api/v1/silences/${encodeURIComponent(silence.id)}`;
  return (
    <div class="buttons">
      <FormDialog
        title="Extend the silence"
        opener="Extend"
        fields={[
          {
            name: "for",
            label: "How long from now",
            isRequired: true,
            value: "2h",
            choices: ["30m", "1h", "2h", "8h", "1d"],
          },
        ]}
        send={(values) => post(`${path}/extend`, values)}
      >
        <About silence={silence} />
      </FormDialog>
      <FormDialog title="End the silence" opener="End" fields={[]} send={() => post(`${path}/end`, {})}>
        <About silence={silence} />
        <p>
          {silence.mutes === 0
            ? "Nothing that it mutes fires now."
            : `${silence.mutes} that fire now will be told again.`}
        </p>
      </FormDialog>
    </div>
  );
}

function Again({ silence }: { silence: Silence }) {
  return <SilenceDialog title="Silence again" opener="Again" matchers={silence.matchers} />;
}

function About({ silence }: { silence: Silence }) {
  return (
    <p>
      <code>{silence.matchers}</code> of {silence.createdBy}, until {dayTime(silence.endsAt)}:{" "}
      {silence.comment}
    </p>
  );
}

function silenceTone({ state, endsSoon }: Silence): { tone: Tone; word: string } {
  if (endsSoon) return { tone: "warn", word: "ends soon" };
  return { tone: state === "active" ? "acting" : "none", word: state };
}

function endText({ state, startsAt, endsAt, recurs }: Silence): string {
  if (state === "expired") return `ended ${dayTime(endsAt)}`;
  const begins = state === "pending" && recurs === null ? `from ${dayTime(startsAt)} ` : "";
  return `${begins}${dayTime(endsAt)} (in ${until(endsAt, nowMs.value)})`;
}
