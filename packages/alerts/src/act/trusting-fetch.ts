import { request } from "node:https";

/**
 * A `fetch` that trusts one certificate authority besides none of the system's, which the built-in one cannot be told.
 * As far as actions use it: a URL as text, a body as text, no redirects.
 */
export function fetchTrusting(ca: string): typeof fetch {
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const { method = "GET", headers, body, signal } = init;
      const fail = (cause: Error): void => reject(new TypeError("fetch failed", { cause }));
      const outgoing = request(
        String(input),
        {
          method,
          headers: Object.fromEntries(new Headers(headers)),
          ca,
          agent: false,
          ...(signal ? { signal } : {}),
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", fail);
          incoming.on("end", () => {
            const status = incoming.statusCode ?? 502;
            const answerHeaders = Object.entries(incoming.headers).map(([k, v]): [string, string] => [
              k,
              String(v),
            ]);
            const hasBody = status !== 204 && status !== 205 && status !== 304;
            resolve(new Response(hasBody ? Buffer.concat(chunks) : null, { status, headers: answerHeaders }));
          });
        },
      );
      outgoing.on("error", fail);
      outgoing.end(typeof body === "string" ? body : undefined);
    });
}
