import type { Attributes } from "@opentelemetry/api";
import type { HeaderNames } from "../settings/settings.js";
import { REDACTED, type Redaction, secretNames, type UrlRedactor } from "./redact-url.js";

/** Headers as Node has them: of a message that came in, or read one by one from one that goes out. */
export type ReadHeader = (name: string) => string | number | readonly string[] | undefined;

/** Headers whose values are secrets wherever they occur. */
const SECRET_HEADERS: readonly string[] = [
  "authorization",
  "cookie",
  "proxy-authorization",
  "set-cookie",
  "x-amz-security-token",
  "x-api-key",
  "x-auth-token",
  "x-csrf-token",
  "x-goog-iap-jwt-assertion",
  "x-xsrf-token",
];

/** Builds what tells secret headers, by name in lower case, from others. */
export function isSecretHeader(redaction: Redaction): (name: string) => boolean {
  const secret = secretNames(SECRET_HEADERS, redaction);
  return (name) => secret.has(name);
}

/** Puts the values of the chosen headers into `attributes`; secret ones are said to be there, and hidden. */
export type CaptureHeaders = (attributes: Attributes, request: ReadHeader, response: ReadHeader) => void;

/** Nothing where no header was asked for, so that requests pay nothing. */
export function headerCapture(
  { request, response }: HeaderNames,
  redaction: Redaction,
  urls: UrlRedactor,
): CaptureHeaders | undefined {
  if (request.length === 0 && response.length === 0) return undefined;
  const isSecret = isSecretHeader(redaction);
  const capture = (attributes: Attributes, prefix: string, names: readonly string[], read: ReadHeader) => {
    for (const name of names) {
      const value = read(name);
      if (value === undefined) continue;
      const values = typeof value === "string" || typeof value === "number" ? [String(value)] : [...value];
      attributes[prefix + name] = values.map((text) => (isSecret(name) ? REDACTED : urls.text(text)));
    }
  };
  return (attributes, readRequest, readResponse) => {
    capture(attributes, "http.request.header.", request, readRequest);
    capture(attributes, "http.response.header.", response, readResponse);
  };
}
