/** Query parameters whose values are secrets wherever they occur. Compared in lower case. */
export const SECRET_PARAMETERS: readonly string[] = [
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

/** Builds a function that hides the values of the named parameters in a query string (without its `?`). */
export function queryRedactor(names: readonly string[] = SECRET_PARAMETERS): (query: string) => string {
  const secret = new Set(names.map((name) => name.toLowerCase()));
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
