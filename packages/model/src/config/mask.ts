import { Secret } from "./fields.js";

/** Shorter ones stand in ordinary words; hiding those would hide nothing and spoil every text. */
const MIN_LENGTH = 6;
const MASK = "<secret>";

/** Puts `<secret>` in the place of everything secret that a config knows. */
export type Mask = (text: string) => string;

/**
 * A mask of the secrets that are written in a config: themselves and the passwords of addresses, as they stand in URLs and in JSON, the parts of URLs that are
 * secret, and what basic authorization makes of name and password.
 *
 * @param more secrets that are not written there, such as the contents of files
 */
export function maskOf(config: unknown, more: readonly string[] = []): Mask {
  return maskFor([...secretsIn(config), ...more.flatMap(formsOf)]);
}

/** The same error with its texts masked, and those of what caused it. */
export function maskError(thrown: unknown, mask: Mask): unknown {
  if (!(thrown instanceof Error)) return thrown;
  for (const key of ["message", "stack"] as const) {
    const text = thrown[key];
    const masked = text === undefined ? undefined : mask(text);
    // Defined rather than set: a DOMException has but getters.
    if (masked !== text)
      Object.defineProperty(thrown, key, { value: masked, configurable: true, writable: true });
  }
  for (const inner of thrown instanceof AggregateError ? thrown.errors : [thrown.cause])
    maskError(inner, mask);
  return thrown;
}

function maskFor(secrets: readonly string[]): Mask {
  // Longest first, so that no part is hidden before the whole.
  const known = [...new Set(secrets)]
    .filter((secret) => secret.length >= MIN_LENGTH)
    .sort((a, b) => b.length - a.length);
  return (text) => known.reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
}

function secretsIn(value: unknown): string[] {
  if (value instanceof Secret) return formsOf(value.reveal());
  if (typeof value === "string") return passwordIn(value);
  if (Array.isArray(value)) return value.flatMap(secretsIn);
  if (value === null || typeof value !== "object") return [];
  const { username, password } = value as { username?: unknown; password?: unknown };
  const pair =
    typeof username === "string" && password instanceof Secret
      ? [Buffer.from(`${username}:${password.reveal()}`).toString("base64")]
      : [];
  return [...pair, ...Object.values(value).flatMap(secretsIn)];
}

/** What stands between the user and the host of an address, and what becomes of it on its way. */
function passwordIn(address: string): string[] {
  if (!address.includes("@") || !URL.canParse(address)) return [];
  const { username, password } = new URL(address);
  if (password === "") return [];
  const plain = decodeURIComponent(password);
  return [
    ...formsOf(plain),
    password,
    Buffer.from(`${decodeURIComponent(username)}:${plain}`).toString("base64"),
  ];
}

function formsOf(secret: string): string[] {
  const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
  if (!URL.canParse(secret)) return forms;
  const url = new URL(secret);
  const long = [url.pathname, ...url.pathname.split("/"), url.search, ...url.searchParams.values()].filter(
    (part) => part.length >= 12,
  );
  return [...forms, url.href, `${url.pathname}${url.search}`, url.password, ...long].filter(
    (part) => part !== "/",
  );
}
