import { signal } from "@preact/signals";
import { isLive } from "./live.js";
import { go } from "./route.js";
import { toggleTheme } from "./theme.js";

export const isHelpOpen = signal(false);

/** After `g`: where to. */
const PLACES: Readonly<Record<string, string>> = {
  o: "/",
  s: "/services",
  b: "/slos",
  a: "/alerts",
  n: "/silences",
  c: "/actions",
};

export const KEY_HELP: readonly (readonly [keys: string, what: string])[] = [
  ["g o", "overview"],
  ["g s", "services"],
  ["g b", "SLOs (budget)"],
  ["g a", "alerts"],
  ["g n", "silences"],
  ["g c", "actions"],
  ["r", "live on or off"],
  [".", "dark or light"],
  ["?", "this help"],
];

const PREFIX_MS = 1_000;

/** Keys move and show; none of them acts on the world. */
export function startKeys(): void {
  let prefixedAtMs = 0;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const place = PLACES[event.key];
    if (performance.now() - prefixedAtMs < PREFIX_MS && place !== undefined) {
      prefixedAtMs = 0;
      event.preventDefault();
      go(place);
      return;
    }
    prefixedAtMs = 0;
    if (event.key === "g") prefixedAtMs = performance.now();
    if (event.key === "r") isLive.value = !isLive.value;
    if (event.key === ".") toggleTheme();
    if (event.key === "?") isHelpOpen.value = true;
  });
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.closest("input, textarea, select, dialog") !== null || target.isContentEditable)
  );
}
