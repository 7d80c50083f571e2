import { status } from "../state/live.js";
import { Mark } from "./mark.js";

/** Says what is not kept, or that the store does not answer; nothing at all while it does. */
export function StoreNote() {
  const store = status.value.data?.store;
  if (store?.notKept) {
    return (
      <p class="muted">
        Nothing is stored (<code>store: none</code>): this collector does not keep {listed(store.notKept)}.
      </p>
    );
  }
  if (!store?.fault) return null;
  return (
    <p class="banner" role="status">
      <Mark tone="warn" word="store away" /> {store.fault} What arrives meanwhile waits in the spool.
    </p>
  );
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
