import type { SilencePreview } from "../state/api-types.js";
import { dayTime } from "../state/format.js";
import { Mark } from "./mark.js";

const MOST_SHOWN = 5;

/** What the silence that is being written would do. */
export function SilencePreviewText({
  preview,
}: {
  preview: SilencePreview | { readonly error: string } | undefined;
}) {
  return (
    <div role="status" class="preview">
      {preview !== undefined &&
        ("error" in preview ? (
          <p>
            <Mark tone="warn" word="not understood" /> {preview.error}
          </p>
        ) : (
          <Found preview={preview} />
        ))}
    </div>
  );
}

function Found({ preview: { firing, firingInAll, knownCount, similar } }: { preview: SilencePreview }) {
  const more = firing.length - MOST_SHOWN;
  return (
    <>
      <p>
        Mutes <strong>{firing.length === 0 ? "nothing that fires now" : `${firing.length} firing`}</strong>;{" "}
        {knownCount} known in 90 days would match.
      </p>
      {firingInAll > 1 && firing.length === firingInAll && (
        <p>
          <Mark tone="page" word="everything that fires" /> would be muted. Is it meant to be?
        </p>
      )}
      <ul class="plain">
        {firing.slice(0, MOST_SHOWN).map(({ id, labels }) => (
          <li key={id}>
            <code>{textOf(labels)}</code>
          </li>
        ))}
        {more > 0 && <li>and {more} more</li>}
        {similar.slice(0, MOST_SHOWN).map(({ id, relation, matchers, createdBy, state, endsAt }) => (
          <li key={id}>
            <Mark tone="warn" word={`similar: ${RELATIONS[relation]}`} /> <code>{matchers}</code> of{" "}
            {createdBy}, {state === "expired" ? "ended" : `${state} until`} {dayTime(endsAt)}
          </li>
        ))}
      </ul>
    </>
  );
}

const RELATIONS = { same: "the same", wider: "a wider one", narrower: "a narrower one" };

function textOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
