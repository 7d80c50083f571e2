import { useRef, useState } from "preact/hooks";
import type { ActionRun } from "../state/api-types.js";
import { post } from "../state/live.js";
import { Mark } from "./mark.js";
import { RunDetail } from "./run-detail.js";

/** Yes or no to a waiting run: shows the plan once more, asks who and why. Nothing here acts without the last press. */
export function AnswerDialog({ run }: { run: ActionRun }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [answer, setAnswer] = useState<"approve" | "decline">("approve");
  const [error, setError] = useState<string>();
  const open = (next: "approve" | "decline"): void => {
    setAnswer(next);
    setError(undefined);
    dialog.current?.showModal();
  };
  const send = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    try {
      await post(`/api/v1/actions/${encodeURIComponent(run.id)}/${answer}`, {
        by: String(form.get("by")),
        reason: String(form.get("reason")),
      });
      dialog.current?.close();
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  const title = answer === "approve" ? `Approve ${run.action}` : `Decline ${run.action}`;
  return (
    <>
      <div class="buttons">
        <button type="button" onClick={() => open("decline")}>
          Decline…
        </button>
        <button type="button" class="main" onClick={() => open("approve")}>
          Approve…
        </button>
      </div>
      <dialog ref={dialog} aria-label={title}>
        <h2>{title}</h2>
        <RunDetail run={run} />
        <form onSubmit={(event) => void send(event)}>
          <label>
            Your name
            <input name="by" required autocomplete="name" />
          </label>
          <label>
            Reason
            <input name="reason" required={answer === "decline"} autocomplete="off" />
          </label>
          {error !== undefined && (
            <p role="alert">
              <Mark tone="page" word="refused" /> {error}
            </p>
          )}
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
    </>
  );
}
