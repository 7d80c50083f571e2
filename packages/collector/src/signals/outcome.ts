/** gRPC codes that are the server's fault, by number and by name. */
const RPC_SERVER_ERRORS = new Set([
  "2",
  "4",
  "12",
  "13",
  "14",
  "15",
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

/** What is known about how a request ended; "" where an attribute is absent. */
export interface Outcome {
  /** `http.response.status_code` or the older `http.status_code`. */
  readonly httpStatus: string;
  /** `rpc.grpc.status_code` (a number) or `rpc.response.status_code` (a name). */
  readonly rpcStatus: string;
  /** `error.type` of a metric point. */
  readonly errorType: string;
  /** Whether the span's status is error. */
  readonly isSpanError: boolean;
}

/**
 * Whether a request failed by the server's fault: HTTP status 500 and above, a gRPC server code, or a span with
 * the status error. A client's fault (404, INVALID_ARGUMENT) is none of the server's, also where `error.type` is set.
 *
 * @see OpenTelemetry semantic conventions for HTTP, RPC and messaging.
 */
export function isFailure({ httpStatus, rpcStatus, errorType, isSpanError }: Outcome): boolean {
  if (isSpanError) return true;
  if (httpStatus !== "") return Number(httpStatus) >= 500;
  if (rpcStatus !== "") return RPC_SERVER_ERRORS.has(rpcStatus);
  return errorType !== "";
}

/** How a failure is called: its `error.type`, or else its status. */
export function failureName({ httpStatus, rpcStatus, errorType }: Omit<Outcome, "isSpanError">): string {
  return errorType || httpStatus || rpcStatus || "error";
}

/** A route as people say it: `POST /pay`, or as much of it as is known. */
export function routeName(method: string, route: string): string {
  if (route === "") return method;
  return method === "" ? route : `${method} ${route}`;
}

/**
 * How many requests one sampled span stands for, from W3C `tracestate`: `ot=th:…` (rejection threshold) or the older
 * `ot=p:…` (power of two).
 *
 * @param otherwise what it is where `tracestate` says nothing
 *
 * @see OpenTelemetry, "TraceState: Probability Sampling".
 */
export function sampledWeight(traceState: string, otherwise = 1): number {
  const vendor = /(?:^|,)\s*ot=([^,]*)/.exec(traceState)?.[1];
  if (vendor === undefined) return otherwise;
  for (const field of vendor.split(";")) {
    const [key, value = ""] = field.split(":");
    if (key === "th" && /^[0-9a-f]{1,14}$/.test(value)) {
      const rejected = Number.parseInt(value.padEnd(14, "0"), 16) / 2 ** 56;
      return rejected < 1 ? 1 / (1 - rejected) : 1;
    }
    if (key === "p" && /^\d{1,2}$/.test(value) && Number(value) < 63) return 2 ** Number(value);
  }
  return otherwise;
}
