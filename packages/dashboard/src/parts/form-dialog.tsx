import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Mark } from "./mark.js";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly isRequired?: boolean;
  readonly autocomplete?: "name";
}

/** Who does it; the collector takes the token's name instead where tokens are configured. */
export const BY: Field = { name: "by", label: "Your name", isRequired: true, autocomplete: "name" };

/**
 * A button that opens a dialog, which asks before anything is done. What the collector refuses is said in the dialog, which
 * then stays open.
 */
export function FormDialog(props: {
  /** What is going to happen; names the dialog, and the button that does it. */
  readonly title: string;
  /** The button that opens it; an ellipsis is added. */
  readonly opener: string;
  readonly isMain?: boolean;
  readonly fields: readonly Field[];
  readonly send: (values: Readonly<Record<string, string>>) => Promise<void>;
  readonly children?: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<string>();
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const values = Object.fromEntries(props.fields.map(({ name }) => [name, String(form.get(name))]));
    try {
      await props.send(values);
      dialog.current?.close();
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  return (
    <>
      <button
        type="button"
        class={props.isMain ? "main" : ""}
        onClick={() => {
          setError(undefined);
          dialog.current?.showModal();
        }}
      >
        {props.opener}…
      </button>
      <dialog ref={dialog} aria-label={props.title}>
        <h2>{props.title}</h2>
        {props.children}
        <form onSubmit={(event) => void submit(event)}>
          {props.fields.map(({ name, label, isRequired, autocomplete }) => (
            <label key={name}>
              {label}
              <input name={name} required={isRequired ?? false} autocomplete={autocomplete ?? "off"} />
            </label>
          ))}
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
              {props.title}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
