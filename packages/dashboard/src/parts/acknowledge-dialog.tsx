import { useRef, useState } from "preact/hooks";
import type { Alert } from "../state/api-types.js";
import { post } from "../state/live.js";

/** Names who has taken an alert on: repeats and escalation stop until it ends. */
export function AcknowledgeDialog({ alert }: { alert: Pick<Alert, "id" | "name"> }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<string>();
  const title = `Acknowledge ${alert.name}`;
  const send = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    try {
      await post(`/api/v1/alerts/${encodeURIComponent(alert.id)}/acknowledge`, {
        by: String(form.get("by")),
        comment: String(form.get("comment")),
      });
      dialog.current?.close();
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  return (
    <>
      <button
        type="button"
        onClick={() => {
          setError(undefined);
          dialog.current?.showModal();
        }}
      >
        Acknowledge…
      </button>
      <dialog ref={dialog} aria-label={title}>
        <h2>{title}</h2>
        <p>Repeats and escalation stop. It ends with the alert; it silences nothing else.</p>
        <form onSubmit={(event) => void send(event)}>
          <label>
            Your name
            <input name="by" required autocomplete="name" />
          </label>
          <label>
            Comment
            <input name="comment" autocomplete="off" />
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
    </>
  );
}
