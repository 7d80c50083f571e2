/** Methods that keep their name in telemetry; any other is `_OTHER`, so that clients cannot invent series. */
const KNOWN: ReadonlySet<string> = new Set([
  "GET",
  "POST",
  "PUT",
  "DELETE",
  "PATCH",
  "HEAD",
  "OPTIONS",
  "CONNECT",
  "TRACE",
  "QUERY",
]);

/** What semantic conventions call an unknown method. */
export const OTHER_METHOD = "_OTHER";

/** The method as `http.request.method` has it. */
export function knownMethod(method: string): string {
  return KNOWN.has(method) ? method : OTHER_METHOD;
}
