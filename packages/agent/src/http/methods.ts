/** Methods that keep their name in telemetry; any other is `_OTHER`, so that clients cannot invent series. */
const KNOWN: ReadonlyMap<string, number> = new Map(
  ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY"].map(
    (method, index) => [method, index],
  ),
);

/** What semantic conventions call an unknown method. */
export const OTHER_METHOD = "_OTHER";

/** A small number per method, and one more for every unknown one. */
export function methodIndex(method: string): number {
  return KNOWN.get(method) ?? KNOWN.size;
}

/** The method as `http.request.method` has it. */
export function knownMethod(method: string): string {
  return KNOWN.has(method) ? method : OTHER_METHOD;
}
