import { setToken, tokenWanted } from "../state/collector.js";
import { refresh } from "../state/live.js";
import { Mark } from "./mark.js";

/** Asks for a bearer token where the collector wants one. */
export function TokenForm() {
  const why = tokenWanted.value;
  if (why === undefined) return null;
  const send = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setToken(String(form.get("token")).trim());
    void refresh();
  };
  return (
    <form class="banner" aria-label="Token" onSubmit={send}>
      <label>
        <Mark tone="warn" word={why} /> One of <code>auth.tokens</code> that may read; this tab keeps it until
        it is closed. <input name="token" type="password" required autocomplete="current-password" />
      </label>{" "}
      <button type="submit">Use it</button>
    </form>
  );
}
