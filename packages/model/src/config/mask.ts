import { Secret } from "./fields.js";

/** Shorter ones stand in ordinary words; hiding those would hide nothing and spoil every text. */
const MIN_LENGTH = 6;
const MASK = "<secret>";

/** Puts `<secret>` in the place of everything secret that a config knows. */
export type Mask = (text: string) => string;

/**
 * A mask of the secrets that are written in a config: themselves, as they stand in URLs and in JSON, the parts of URLs that are
 * secret, and what basic authorization makes of name and password.
 *
 * @param more secrets that are not written there, such as the contents of files
 */
export function maskOf(config: unknown, more: readonly string[] = []): Mask {
  return maskFor([...secretsIn(config), ...more.flatMap(formsOf)]);
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
  if (Array.isArray(value)) return value.flatMap(secretsIn);
  if (value === null || typeof value !== "object") return [];
  const { username, password } = value as { username?: unknown; password?: unknown };
  const pair =
    typeof username === "string" && password instanceof Secret
      ? [Buffer.from(`${username}:${password.reveal()}`).toString("base64")]
      : [];
  return [...pair, ...Object.values(value).flatMap(secretsIn)];
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
