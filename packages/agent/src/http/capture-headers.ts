import type { Attributes } from "@opentelemetry/api";
import type { HeaderNames } from "../settings/settings.js";
import { REDACTED, type Redaction, secretNames } from "./redact-query.js";

/** Headers as Node has them: of a message that came in, or read one by one from one that goes out. */
type ReadHeader = (name: string) => string | number | readonly string[] | undefined;

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

/** Puts the values of the chosen headers into `attributes`; secret ones are said to be there, and hidden. */
export type CaptureHeaders = (attributes: Attributes, request: ReadHeader, response: ReadHeader) => void;

/** Nothing where no header was asked for, so that requests pay nothing. */
export function headerCapture(
  { request, response }: HeaderNames,
  redaction: Redaction,
): CaptureHeaders | undefined {
  if (request.length === 0 && response.length === 0) return undefined;
  const secret = secretNames(SECRET_HEADERS, redaction);
  const capture = (attributes: Attributes, prefix: string, names: readonly string[], read: ReadHeader) => {
    for (const name of names) {
      const value = read(name);
      if (value === undefined) continue;
      const values = typeof value === "string" || typeof value === "number" ? [String(value)] : [...value];
      attributes[prefix + name] = secret.has(name) ? values.map(() => REDACTED) : values;
    }
  };
  return (attributes, readRequest, readResponse) => {
    capture(attributes, "http.request.header.", request, readRequest);
    capture(attributes, "http.response.header.", response, readResponse);
  };
}
