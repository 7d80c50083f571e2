import type { ComponentChildren } from "preact";
import type { Shown } from "../state/live.js";
import { Mark } from "./mark.js";

/**
 * A part of the page with its own fate: what it waits for, what went wrong with it, and what is empty about it.
 * A broken panel never takes the others down.
 */
export function Panel<T>(props: {
  readonly title: string;
  readonly from: Shown<T>;
  readonly aside?: ComponentChildren;
  readonly children: (data: T) => ComponentChildren;
}) {
  const { data, error } = props.from;
  return (
    <section aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
        {props.aside}
      </header>
      {error !== undefined && (
        <p role="status">
          <Mark tone="warn" word="not up to date" /> {error}
        </p>
      )}
      {data !== undefined
        ? props.children(data)
        : error === undefined && <p class="muted">Asking the collector…</p>}
    </section>
  );
}
