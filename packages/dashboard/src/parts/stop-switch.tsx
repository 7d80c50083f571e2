import { time } from "../state/format.js";
import { catalogue, post } from "../state/live.js";
import { BY, FormDialog } from "./form-dialog.js";
import { Mark } from "./mark.js";

/** One switch that stops every action; visible for as long as it is on. */
export function StopSwitch() {
  const { data } = catalogue.value;
  if (!data) return null;
  const isStopped = data.stopped !== null;
  const title = isStopped ? "Let actions go on" : "Stop all actions";
  return (
    <section aria-label="Switch for all actions">
      <p>
        {data.stopped ? (
          <>
            <Mark tone="page" word="all actions are stopped" /> by {data.stopped.by} since{" "}
            {time(data.stopped.since)}: {data.stopped.reason}{" "}
          </>
        ) : (
          <span class="muted">Actions may be done, each within its limits.</span>
        )}
      </p>
      <FormDialog
        title={title}
        opener={title}
        fields={[BY, { name: "reason", label: "Reason", isRequired: true }]}
        send={(values) => post("/api/v1/actions/stop", { stopped: !isStopped, ...values })}
      />
    </section>
  );
}
