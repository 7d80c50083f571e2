import { signal } from "@preact/signals";

const TIMEOUT_MS = 5_000;
const TOKEN_KEY = "tocsin-token";

/** Why the collector refused this page's token, or that it wants one; undefined while it answers. */
export const tokenWanted = signal<string | undefined>(undefined);

let token: string | undefined;

/**
 * Takes the token from an address that ends in `#token=…` (and removes it from the address and the history), else the one
 * this tab was given before. It is kept for this tab only.
 */
export function startToken(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) {
    token = sessionStorage.getItem(TOKEN_KEY) ?? undefined;
    return;
  }
  history.replaceState(null, "", location.pathname + location.search);
  setToken(given);
}

export function setToken(next: string): void {
  token = next;
  sessionStorage.setItem(TOKEN_KEY, next);
}

/**
 * Asks the collector's API.
 *
 * @returns the JSON of its answer
 * @throws {Error} with the collector's own words, or why it could not be asked
 */
export async function ask(path: string, body?: object): Promise<unknown> {
  const response = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.ok) {
    tokenWanted.value = undefined;
    return response.json();
  }
  const words = await errorOf(response);
  if (response.status === 401) {
    tokenWanted.value =
      token === undefined
        ? "This collector wants a token."
        : "The collector does not know this token. Was it changed?";
  }
  throw new Error(words);
}

async function errorOf(response: Response): Promise<string> {
  try {
    return String(((await response.json()) as { error?: unknown }).error ?? response.statusText);
  } catch {
    return response.statusText;
  }
}
