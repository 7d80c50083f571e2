import { useRef, useState } from "preact/hooks";
import { time } from "../state/format.js";
import { catalogue, post } from "../state/live.js";
import { Mark } from "./mark.js";

/** One switch that stops every action; visible for as long as it is on. */
export function StopSwitch() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<string>();
  const { data } = catalogue.value;
  if (!data) return null;
  const isStopped = data.stopped !== null;
  const title = isStopped ? "Let actions go on" : "Stop all actions";
  const send = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    try {
      await post("/api/v1/actions/stop", {
        stopped: !isStopped,
        by: String(form.get("by")),
        reason: String(form.get("reason")),
      });
      dialog.current?.close();
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  return (
    <section aria-label="Switch for all actions">
      <p>
        {data.stopped ? (
          <>
            <Mark tone="page" word="all actions are stopped" /> by {data.stopped.by} since{" "}
            {time(data.stopped.since)}: {data.stopped.reason}{" "}
          </>
        ) : (
          <span class="muted">Actions may be done, each within its limits. </span>
        )}
        <button
          type="button"
          onClick={() => {
            setError(undefined);
            dialog.current?.showModal();
          }}
        >
          {title}…
        </button>
      </p>
      <dialog ref={dialog} aria-label={title}>
        <h2>{title}</h2>
        <form onSubmit={(event) => void send(event)}>
          <label>
            Your name
            <input name="by" required autocomplete="name" />
          </label>
          <label>
            Reason
            <input name="reason" required autocomplete="off" />
          </label>
          {error !== undefined && <p role="alert">{error}</p>}
          <div class="buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Back
            </button>
            <button type="submit" class="main">
              {title}
            </button>
          </div>
        </form>
      </dialog>
    </section>
  );
}
