import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { Mark } from "./mark.js";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly isRequired?: boolean;
  readonly autocomplete?: "name";
  /** What it starts with. */
  readonly value?: string;
  /** What may be written, told below the field. */
  readonly hint?: string;
  /** Choices to pick from; anything else may be written too. */
  readonly choices?: readonly string[];
  readonly isLong?: boolean;
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
  /** Told of every change, also when the dialog opens. */
  readonly onInput?: (values: Readonly<Record<string, string>>) => void;
  /** Below the fields; the children are above. */
  readonly footer?: ComponentChildren;
  readonly children?: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const id = useId();
  const [error, setError] = useState<string>();
  const valuesOf = (element: HTMLFormElement): Readonly<Record<string, string>> => {
    const data = new FormData(element);
    return Object.fromEntries(props.fields.map(({ name }) => [name, String(data.get(name))]));
  };
  const tell = (): void => {
    if (form.current) props.onInput?.(valuesOf(form.current));
  };
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    try {
      await props.send(valuesOf(event.currentTarget as HTMLFormElement));
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
          form.current?.reset();
          dialog.current?.showModal();
          tell();
        }}
      >
        {props.opener}…
      </button>
      <dialog ref={dialog} aria-label={props.title}>
        <h2>{props.title}</h2>
        {props.children}
        <form ref={form} onInput={tell} onSubmit={(event) => void submit(event)}>
          {props.fields.map((field) => (
            <FormField key={field.name} field={field} id={`${id}-${field.name}`} />
          ))}
          {props.footer}
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

function FormField({ field, id }: { field: Field; id: string }) {
  const { name, label, isRequired = false, autocomplete = "off", value, hint, choices, isLong } = field;
  const common = {
    id,
    name,
    required: isRequired,
    defaultValue: value ?? "",
    ...(hint === undefined ? {} : { "aria-describedby": `${id}-hint` }),
  };
  return (
    <p class="field">
      <label for={id}>{label}</label>
      {isLong ? (
        <textarea {...common} rows={Math.min(8, Math.max(2, (value ?? "").split("\n").length))} />
      ) : choices ? (
        <input {...common} type="text" autocomplete="off" list={`${id}-choices`} />
      ) : (
        <input {...common} autocomplete={autocomplete} />
      )}
      {choices && (
        <datalist id={`${id}-choices`}>
          {choices.map((choice) => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      )}
      {hint !== undefined && (
        <small class="muted" id={`${id}-hint`}>
          {hint}
        </small>
      )}
    </p>
  );
}
