/** Query parameters whose values are secrets wherever they occur. Compared in lower case. */
const SECRET_PARAMETERS: readonly string[] = [
  "sig",
  "signature",
  "awsaccesskeyid",
  "x-amz-signature",
  "x-amz-credential",
  "x-amz-security-token",
  "x-goog-signature",
  "token",
  "access_token",
  "id_token",
  "refresh_token",
  "api_key",
  "apikey",
  "key",
  "password",
  "secret",
  "client_secret",
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

/** Builds a function that hides the values of secret parameters in a query string (without its `?`). */
export function queryRedactor(redaction: Redaction): (query: string) => string {
  const secret = secretNames(SECRET_PARAMETERS, redaction);
  return (query) => {
    if (!query.includes("=")) return query;
    let changed = false;
    const parts = query.split("&").map((part) => {
      const equals = part.indexOf("=");
      if (equals <= 0 || !secret.has(decoded(part.slice(0, equals)).toLowerCase())) return part;
      changed = true;
      return `${part.slice(0, equals)}=${REDACTED}`;
    });
    return changed ? parts.join("&") : query;
  };
}

/** Percent-encoded names must not slip through; a malformed one is compared as it stands. */
function decoded(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
