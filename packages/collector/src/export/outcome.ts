/** What an endpoint made of a request. */
export type Outcome =
  | { readonly kind: "sent"; readonly rejectedItems: number; readonly message: string }
  /** The same request may succeed later, here or elsewhere. */
  | { readonly kind: "retry"; readonly afterMs: number | undefined; readonly message: string }
  /** This request will never be taken; a part of it might. */
  | { readonly kind: "refused"; readonly message: string };

/** HTTP statuses after which the OTLP specification lets a client try again. */
const RETRYABLE = new Set([408, 429, 502, 503, 504]);

/** Statuses that tell of a wrong set-up, not of wrong data: the data are kept until it is mended. */
const SETUP = new Set([401, 403, 404, 405]);

/** What an HTTP answer means. `nowMs` turns a date in Retry-After into a wait. */
export function outcomeOfHttp(
  status: number,
  retryAfter: string | undefined,
  message: string,
  nowMs: number,
): Outcome {
  if (status >= 200 && status < 300) return { kind: "sent", rejectedItems: 0, message: "" };
  if (RETRYABLE.has(status) || SETUP.has(status) || status >= 500) {
    return {
      kind: "retry",
      afterMs: retryAfterMs(retryAfter, nowMs),
      message: `HTTP ${status} ${message}`.trim(),
    };
  }
  return { kind: "refused", message: `HTTP ${status} ${message}`.trim() };
}

/** Milliseconds of a Retry-After header: seconds or a date. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header.trim() === "") return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** gRPC codes after which the specification lets a client try again; RESOURCE_EXHAUSTED only with RetryInfo. */
const RETRYABLE_RPC = new Set([1, 4, 10, 11, 14, 15]);
const SETUP_RPC = new Set([5, 7, 12, 16]);

/** What a gRPC status means. */
export function outcomeOfRpc(code: number, retryAfter: number | undefined, message: string): Outcome {
  const text = `gRPC ${code} ${message}`.trim();
  if (code === 0) return { kind: "sent", rejectedItems: 0, message: "" };
  if (RETRYABLE_RPC.has(code) || SETUP_RPC.has(code) || (code === 8 && retryAfter !== undefined)) {
    return { kind: "retry", afterMs: retryAfter, message: text };
  }
  return { kind: "refused", message: text };
}
