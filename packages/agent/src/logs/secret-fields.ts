import { isSecretHeader } from "../http/capture-headers.js";
import { REDACTED, type Redaction, urlRedactor } from "../http/redact-url.js";

/** Gives a field's value without what is secret in it; a value that is not text may be changed in place. */
export type HideSecrets = (key: string, value: unknown) => unknown;

/**
 * Builds what hides secrets in the fields of log lines: values of secret headers, wherever they are (`req.headers.cookie`, as
 * pino-http has it, or `err.config.headers.Authorization`), and secret parameters in what is called a URL.
 */
export function secretHider(redaction: Redaction): HideSecrets {
  const isSecret = isSecretHeader(redaction);
  const urls = urlRedactor(redaction);
  const hide = (key: string, value: unknown, depth: number): unknown => {
    if (typeof value === "string") {
      if (isSecret(key.toLowerCase())) return REDACTED;
      return URL_KEYS.has(key) ? urls.url(value) : value;
    }
    if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return value;
    if (Array.isArray(value)) return value.map((item) => hide(key, item, depth + 1));
    const fields = value as Record<string, unknown>;
    for (const name in fields) fields[name] = hide(name, fields[name], depth + 1);
    return fields;
  };
  return (key, value) => hide(key, value, 0);
}

/** Deeper than loggers write requests and errors. */
const DEPTH_MAX = 6;
const URL_KEYS: ReadonlySet<string> = new Set([
  "url",
  "originalUrl",
  "uri",
  "href",
  "referer",
  "referrer",
  "location",
]);
