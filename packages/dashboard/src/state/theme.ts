import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "tocsin.theme";

export const theme = signal<Theme>(read());

/** Follows the system until someone chooses; the choice is kept in this browser. */
export function setTheme(next: Theme): void {
  theme.value = next;
  apply(next);
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Storage may be forbidden; the choice then holds for this visit.
  }
}

export function startTheme(): void {
  apply(theme.value);
}

/** From what is seen now to the other one. */
export function toggleTheme(): void {
  const isDark =
    theme.value === "dark" ||
    (theme.value === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  setTheme(isDark ? "light" : "dark");
}

function apply(next: Theme): void {
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
}

function read(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}
