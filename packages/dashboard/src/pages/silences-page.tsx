import { Empty } from "../parts/empty.js";
import { EndingSilences } from "../parts/ending-silences.js";
import { Panel } from "../parts/panel.js";
import { SilenceDialog } from "../parts/silence-dialog.js";
import { SilenceTable } from "../parts/silence-table.js";
import type { Silence } from "../state/api-types.js";
import { silences } from "../state/live.js";

/** What is muted, by whom, why and until when; ended ones for five days. */
export function SilencesPage() {
  return (
    <>
      <h1>Silences</h1>
      <EndingSilences />
      <Panel
        title="Active and to come"
        from={silences.value}
        aside={<SilenceDialog title="Add a silence" opener="Add a silence" />}
      >
        {(data) => {
          const open = data.filter(({ state }) => state !== "expired");
          if (data.length === 0) return <Empty of="silences" />;
          return open.length === 0 ? (
            <p>Nothing is silenced now.</p>
          ) : (
            <SilenceTable silences={open.sort(byEnd)} />
          );
        }}
      </Panel>
      {silences.value.data?.some(({ state }) => state === "expired") && (
        <Panel title="Ended" from={silences.value}>
          {(data) => (
            <SilenceTable
              silences={data
                .filter(({ state }) => state === "expired")
                .sort(byEnd)
                .reverse()}
            />
          )}
        </Panel>
      )}
    </>
  );
}

function byEnd(a: Silence, b: Silence): number {
  return a.endsAt < b.endsAt ? -1 : 1;
}
