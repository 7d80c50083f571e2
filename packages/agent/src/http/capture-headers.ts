import type { Attributes } from "@opentelemetry/api";
import type { HeaderNames } from "../settings/settings.js";
import { REDACTED } from "./redact-query.js";

/** Headers as Node has them: of a message that came in, or read one by one from one that goes out. */
type ReadHeader = (name: string) => string | number | readonly string[] | undefined;

/** Headers whose values are secrets wherever they occur. */
const SECRET_HEADERS: ReadonlySet<string> = new Set([
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
]);

/** Puts the values of the chosen headers into `attributes`; secret ones are said to be there, and hidden. */
export type CaptureHeaders = (attributes: Attributes, request: ReadHeader, response: ReadHeader) => void;

/** Nothing where no header was asked for, so that requests pay nothing. */
export function headerCapture({ request, response }: HeaderNames): CaptureHeaders | undefined {
  if (request.length === 0 && response.length === 0) return undefined;
  return (attributes, readRequest, readResponse) => {
    capture(attributes, "http.request.header.", request, readRequest);
    capture(attributes, "http.response.header.", response, readResponse);
  };
}

function capture(attributes: Attributes, prefix: string, names: readonly string[], read: ReadHeader): void {
  for (const name of names) {
    const value = read(name);
    if (value === undefined) continue;
    const values = typeof value === "string" || typeof value === "number" ? [String(value)] : [...value];
    attributes[prefix + name] = SECRET_HEADERS.has(name) ? values.map(() => REDACTED) : values;
  }
}
