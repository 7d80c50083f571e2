import type { ComponentChildren } from "preact";
import { go } from "../state/route.js";

/** A link inside the page: a real address, which also opens in a new tab. */
export function Link(props: { to: string; isCurrent?: boolean; children: ComponentChildren }) {
  return (
    <a
      href={props.to}
      {...(props.isCurrent ? { "aria-current": "page" as const } : {})}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(props.to);
      }}
    >
      {props.children}
    </a>
  );
}
