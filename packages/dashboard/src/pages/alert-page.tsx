import { useEffect } from "preact/hooks";
import { AcknowledgeDialog } from "../parts/acknowledge-dialog.js";
import { alertTone } from "../parts/alert-table.js";
import { Link } from "../parts/link.js";
import { Mark, type Tone } from "../parts/mark.js";
import { Panel } from "../parts/panel.js";
import { RunTable } from "../parts/run-table.js";
import { matchersOf, SilenceDialog } from "../parts/silence-dialog.js";
import { Sparkline } from "../parts/sparkline.js";
import { TableHead, WideTable } from "../parts/wide-table.js";
import type { Explanation } from "../state/api-types.js";
import { burn, dayTime, number, percent, time } from "../state/format.js";
import { actions, explanation, refresh, silences } from "../state/live.js";

type Evidence = NonNullable<Explanation["evidence"]>;

/** Why one alert fired, from what was stored when it did; also long after it ended. */
export function AlertPage({ name }: { name: string }) {
  useEffect(() => {
    void refresh();
  }, [name]);
  return (
    <>
      <h1>Why did it fire?</h1>
      <Panel title="Alert" from={explanation.value} aside={<Link to="/alerts">all alerts</Link>}>
        {(alert) => (
          <>
            <p>
              <Mark {...alertTone(alert)} /> <strong>{alert.name}</strong> since{" "}
              {time(alert.startsAt ?? alert.activeAt)}
              {alert.endsAt !== null && `, until ${time(alert.endsAt)}`} · {alert.annotations.summary ?? ""}
            </p>
            <p class="muted">
              {Object.entries(alert.labels)
                .map(([label, value]) => `${label}=${value}`)
                .join(" · ")}
            </p>
            <SilencedBy ids={alert.silencedBy} />
            <div class="buttons">
              {alert.state !== "resolved" && (
                <SilenceDialog matchers={matchersOf(alert.labels)} title={`Silence ${alert.name}`} />
              )}
              {alert.state === "firing" && alert.acknowledged === null && <AcknowledgeDialog alert={alert} />}
            </div>
          </>
        )}
      </Panel>
      <Panel title="Evidence" from={explanation.value}>
        {({ evidence, replay }) => (
          <>
            {evidence ? (
              <EvidenceText evidence={evidence} />
            ) : (
              <p>It has not fired yet, so there is no evidence.</p>
            )}
            {replay && (
              <p>
                <Mark {...REPLAY[replay.result]} /> Replayed just now from stored samples: {replay.text}
              </p>
            )}
          </>
        )}
      </Panel>
      <Panel title="Notices" from={explanation.value}>
        {(alert) => <Notices alert={alert} />}
      </Panel>
      <Done id={explanation.value.data?.id} />
    </>
  );
}

/** Which silences keep it quiet, until when and why. */
function SilencedBy({ ids }: { ids: readonly string[] }) {
  const own = (silences.value.data ?? []).filter(({ id }) => ids.includes(id));
  return own.map(({ id, matchers, createdBy, comment, endsAt }) => (
    <p key={id}>
      <Mark tone="none" word="silenced" /> until {dayTime(endsAt)} by {createdBy}: {comment}{" "}
      <Link to="/silences">
        <code>{matchers}</code>
      </Link>
    </p>
  ));
}

const REPLAY: Readonly<Record<NonNullable<Explanation["replay"]>["result"], { tone: Tone; word: string }>> = {
  same: { tone: "ok", word: "same result" },
  different: { tone: "warn", word: "another result" },
  unknown: { tone: "none", word: "not to be told" },
};

function EvidenceText({ evidence }: { evidence: Evidence }) {
  const { condition, windows = [], values = [], changes = [], where = [], traceIds = [], history } = evidence;
  return (
    <>
      {condition !== undefined && <pre>{condition}</pre>}
      {windows.length > 0 && <Windows windows={windows} />}
      {history && (
        <p>
          <Sparkline history={history} limit={history.threshold} /> <code>{history.expression}</code>
          {history.threshold !== undefined && ` fires when ${history.operator} ${number(history.threshold)}`}
        </p>
      )}
      <ul class="plain">
        {values.map(({ name, value }) => (
          <li key={name}>
            {number(value)} = <code>{name}</code>
          </li>
        ))}
        {changes.length === 0 && <li>What changed: no deployment in the hour before.</li>}
        {changes.map(({ atMs, kind, text }) => (
          <li key={`${atMs}${text}`}>
            What changed: {kind} {text} at {time(atMs)}
          </li>
        ))}
        {where.map(({ by, value, bad, total, share }) => (
          <li key={`${by}${value}`}>
            Where: {by} <code>{value}</code> carries {percent(share)} of the bad ones ({number(bad)} of{" "}
            {number(total)} fail)
          </li>
        ))}
        {traceIds.map((id) => (
          <li key={id}>
            Trace <code>{id}</code> (<code>tocsin trace {id.slice(0, 8)}…</code>)
          </li>
        ))}
      </ul>
    </>
  );
}

function Windows({ windows }: { windows: NonNullable<Evidence["windows"]> }) {
  return (
    <WideTable label="windows">
      <TableHead
        columns={[
          "window",
          { number: "bad / all" },
          { number: "error rate" },
          { number: "burn" },
          { number: "limit" },
          "before it fired",
        ]}
      />
      <tbody>
        {windows.map((each) => (
          <tr key={each.window}>
            <th scope="row">{each.window}</th>
            <td class="n">
              {each.bad.toLocaleString("en")} / {each.total.toLocaleString("en")}
            </td>
            <td class="n">{percent(each.errorRatio)}</td>
            <td class="n">{burn(each.burnRate)}</td>
            <td class="n">{burn(each.limit)}</td>
            <td>{each.history && <Sparkline history={each.history} limit={each.limit} />}</td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

function Notices({ alert }: { alert: Explanation }) {
  if (alert.notices.length === 0) {
    return (
      <p>
        {alert.receivers.length === 0
          ? "No route leads to a receiver, so nobody was told."
          : `Nobody was told yet; its receivers are ${alert.receivers.join(", ")}.`}
      </p>
    );
  }
  return (
    <ul class="plain">
      {alert.notices.map(({ id, destination, status, attempts, createdAt, error }) => (
        <li key={id}>
          <Mark {...noticeTone(status)} /> {destination} at {time(createdAt)}, {attempts}{" "}
          {attempts === 1 ? "try" : "tries"}
          {error === null ? "" : `: ${error}`}
        </li>
      ))}
    </ul>
  );
}

function noticeTone(status: string): { tone: Tone; word: string } {
  if (status === "sent") return { tone: "ok", word: "sent" };
  return status === "dead" ? { tone: "page", word: "given up" } : { tone: "warn", word: status };
}

/** What was done, or waits for a person, because of this alert. */
function Done({ id }: { id: string | undefined }) {
  const own = (actions.value.data ?? []).filter(({ alert }) => alert.id === id);
  if (own.length === 0) return null;
  return (
    <Panel title="Done" from={actions.value}>
      {() => <RunTable runs={own} />}
    </Panel>
  );
}
