import { signal } from "@preact/signals";

/** Where in the page one is; everything seen follows from the address. */
export type Route =
  | { readonly page: "overview" | "services" | "slos" | "alerts" | "silences" | "actions" }
  | { readonly page: "service" | "alert" | "action"; readonly name: string }
  /** The query chooses a group, where an SLO has several. */
  | { readonly page: "slo"; readonly name: string; readonly query: string }
  | { readonly page: "unknown"; readonly path: string };

const PAGES = ["services", "slos", "alerts", "silences", "actions"] as const;

/** Reads an address. Pure; unknown ones are said to be so, never an error. */
export function parseRoute(address: string): Route {
  const [path = "", query = ""] = address.split("?");
  const [first = "", second, ...rest] = path.split("/").filter((part) => part !== "");
  if (rest.length > 0) return { page: "unknown", path };
  if (second === undefined) {
    if (first === "") return { page: "overview" };
    const known = PAGES.find((page) => page === first);
    if (known) return { page: known };
    return { page: "unknown", path };
  }
  if (first === "services") return { page: "service", name: decode(second) };
  if (first === "slos") return { page: "slo", name: decode(second), query };
  if (first === "alerts") return { page: "alert", name: decode(second) };
  if (first === "actions") return { page: "action", name: decode(second) };
  return { page: "unknown", path };
}

export const route = signal<Route>({ page: "overview" });

export function startRouter(): void {
  const read = (): void => {
    route.value = parseRoute(location.pathname + location.search);
  };
  addEventListener("popstate", read);
  read();
}

/** Goes to an address of the page and tells assistive technology by moving the focus to the new content. */
export function go(path: string): void {
  history.pushState(null, "", path);
  route.value = parseRoute(path);
  document.getElementById("content")?.focus({ preventScroll: false });
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
