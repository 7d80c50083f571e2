/** Query parameters whose values are secrets wherever they occur. Compared in lower case. */
const SECRET_PARAMETERS: readonly string[] = [
  "sig",
  "signature",
  "awsaccesskeyid",
  "x-amz-signature",
  "x-amz-credential",
  "x-amz-security-token",
  "x-goog-signature",
  "x-goog-credential",
  "token",
  "access_token",
  "accesstoken",
  "auth_token",
  "id_token",
  "refresh_token",
  "api_key",
  "api-key",
  "apikey",
  "x-api-key",
  "key",
  "private_key",
  "secret_key",
  "password",
  "passwd",
  "pwd",
  "secret",
  "client_secret",
  "client_assertion",
  "assertion",
  "auth",
  "authorization",
  "jwt",
  "jsessionid",
  "phpsessid",
  "sessionid",
  "sid",
  "session_id",
];

/** What stands in for a secret. */
export const REDACTED = "REDACTED";

/** Names, in any case, that are secret beyond those known as such, and names that are not secret though known so. */
export interface Redaction {
  readonly deny: readonly string[];
  readonly allow: readonly string[];
}

/** Which of the names are secret, in lower case. */
export function secretNames(known: Iterable<string>, { deny, allow }: Redaction): ReadonlySet<string> {
  const secret = new Set([...known, ...deny].map((name) => name.toLowerCase()));
  for (const name of allow) secret.delete(name.toLowerCase());
  return secret;
}

/** Hides what is secret in URLs. */
export interface UrlRedactor {
  /** A query string, without its `?`. */
  query(query: string): string;
  /** A URL, whole or from its path on: user and password, parameters of path, query and fragment. */
  url(url: string): string;
  /** What a request asks for, from its path on, though it may name the whole URL, as requests to proxies do. */
  target(url: string): string;
  /** A text in which URLs may stand. */
  text(text: string): string;
}

/** Builds what hides the values of secret parameters. */
export function urlRedactor(redaction: Redaction): UrlRedactor {
  const secret = secretNames(SECRET_PARAMETERS, redaction);
  const hides = (name: string): boolean => {
    const plain = decoded(name).toLowerCase();
    if (secret.has(plain)) return true;
    // `a[token]` and `a.token` are ways to write a token of a.
    const inner = /[[.]([^[\].]+)\]?$/.exec(plain)?.[1];
    return inner !== undefined && secret.has(inner);
  };
  // The code of an OAuth redirect is worth a token; elsewhere a code is anything.
  const isGrant = (name: string, parts: readonly string[]): boolean =>
    name === "code" && !redaction.allow.includes("code") && parts.some((part) => part.startsWith("state="));
  const parameters = (text: string, separator: "&" | ";"): string => {
    if (!text.includes("=")) return text;
    let changed = false;
    const shown = text.split(separator).map((part, _index, parts) => {
      const name = part.slice(0, Math.max(0, part.indexOf("=")));
      const isSecret = name !== "" && (hides(name) || isGrant(name, parts));
      const inner = separator === "&" && part.includes(";") ? parameters(part, ";") : part;
      changed ||= isSecret || inner !== part;
      return isSecret ? `${name}=${REDACTED}` : inner;
    });
    return changed ? shown.join(separator) : text;
  };
  const query = (text: string): string => parameters(text, "&");
  const url = (text: string): string => {
    const [, origin = "", path = "", question, fragment] = URL_PARTS.exec(text) ?? [];
    return [
      origin.replace(/\/\/.*@/, `//${REDACTED}:${REDACTED}@`),
      path.includes(";")
        ? path
            .split("/")
            .map((segment) => parameters(segment, ";"))
            .join("/")
        : path,
      question === undefined ? "" : `?${query(question)}`,
      fragment === undefined ? "" : `#${query(fragment)}`,
    ].join("");
  };
  const target = (text: string): string => {
    if (text.startsWith("/") && !text.includes("#") && !text.includes(";")) return text;
    return url(text).replace(ORIGIN, "").replace(/#.*$/s, "") || "/";
  };
  return { query, url, target, text: (text) => text.replace(URLS, url) };
}

const URL_PARTS = /^((?:[a-z][a-z0-9+.-]*:)?\/\/[^/?#]*)?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
const URLS = /[^\s<>"',]*(?:\/\/|[?#;])[^\s<>"']*/g;

/** Percent-encoded names must not slip through; a malformed one is compared as it stands. */
function decoded(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
