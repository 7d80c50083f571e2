import { CollectorError } from "../errors.js";
import { RpcCode } from "./answer.js";

/** Why a request was refused: a label of metrics and a word in logs. */
export type RefusalReason =
  | "malformed"
  | "unknown_sender"
  | "not_allowed"
  | "not_found"
  | "method"
  | "wrong_port"
  | "tls"
  | "certificate"
  | "too_deep"
  | "too_large"
  | "too_many_items"
  | "media_type"
  | "connections"
  | "sender_connections"
  | "overload"
  | "sender_overload"
  | "spool_full"
  | "behind"
  | "spool_unwritable"
  | "closing"
  | "aborted"
  | "internal";

/** What a sender is told when its request is not taken. */
export class Refusal extends CollectorError {
  readonly reason: RefusalReason;
  readonly httpStatus: number;
  readonly rpcCode: RpcCode;

  constructor(reason: RefusalReason, message: string, cause?: unknown) {
    const { httpStatus, rpcCode, retryable } = KINDS[reason];
    super("RECEIVE_REFUSED", message, { cause, retryable });
    this.reason = reason;
    this.httpStatus = httpStatus;
    this.rpcCode = rpcCode;
  }
}

interface Kind {
  readonly httpStatus: number;
  readonly rpcCode: RpcCode;
  readonly retryable: boolean;
}

/**
 * Retryable answers are 429 and 503 over HTTP, RESOURCE_EXHAUSTED (with RetryInfo) and UNAVAILABLE over gRPC;
 * senders drop what is refused with any other.
 */
const KINDS: Readonly<Record<RefusalReason, Kind>> = {
  malformed: { httpStatus: 400, rpcCode: RpcCode.invalidArgument, retryable: false },
  too_deep: { httpStatus: 400, rpcCode: RpcCode.invalidArgument, retryable: false },
  unknown_sender: { httpStatus: 401, rpcCode: RpcCode.unauthenticated, retryable: false },
  not_allowed: { httpStatus: 403, rpcCode: RpcCode.permissionDenied, retryable: false },
  not_found: { httpStatus: 404, rpcCode: RpcCode.notFound, retryable: false },
  method: { httpStatus: 405, rpcCode: RpcCode.unimplemented, retryable: false },
  wrong_port: { httpStatus: 404, rpcCode: RpcCode.unimplemented, retryable: false },
  tls: { httpStatus: 400, rpcCode: RpcCode.failedPrecondition, retryable: false },
  certificate: { httpStatus: 401, rpcCode: RpcCode.unauthenticated, retryable: false },
  too_large: { httpStatus: 413, rpcCode: RpcCode.invalidArgument, retryable: false },
  too_many_items: { httpStatus: 413, rpcCode: RpcCode.invalidArgument, retryable: false },
  media_type: { httpStatus: 415, rpcCode: RpcCode.invalidArgument, retryable: false },
  connections: { httpStatus: 503, rpcCode: RpcCode.unavailable, retryable: true },
  sender_connections: { httpStatus: 429, rpcCode: RpcCode.unavailable, retryable: true },
  overload: { httpStatus: 503, rpcCode: RpcCode.unavailable, retryable: true },
  sender_overload: { httpStatus: 429, rpcCode: RpcCode.resourceExhausted, retryable: true },
  spool_full: { httpStatus: 503, rpcCode: RpcCode.unavailable, retryable: true },
  behind: { httpStatus: 503, rpcCode: RpcCode.unavailable, retryable: true },
  spool_unwritable: { httpStatus: 503, rpcCode: RpcCode.unavailable, retryable: true },
  closing: { httpStatus: 503, rpcCode: RpcCode.unavailable, retryable: true },
  // Nobody is there to read it; it only needs a number in the metrics.
  aborted: { httpStatus: 400, rpcCode: RpcCode.invalidArgument, retryable: false },
  internal: { httpStatus: 503, rpcCode: RpcCode.unavailable, retryable: true },
};

/** Whatever was thrown on the way of a request, as what its sender is told. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof CollectorError) {
    switch (error.code) {
      case "OTLP_MALFORMED":
        return new Refusal("malformed", error.message, error);
      case "OTLP_TOO_DEEP":
        return new Refusal("too_deep", error.message, error);
      case "SPOOL_FULL":
        return new Refusal("spool_full", error.message, error);
      case "SPOOL_RECORD_TOO_LARGE":
        return new Refusal("too_large", error.message, error);
      case "SPOOL_CLOSED":
        return new Refusal("closing", "The collector is stopping. Send again in a moment.", error);
      case "SPOOL_WRITE_FAILED":
        // The directory's name is ours to know, not the sender's.
        return new Refusal(
          "spool_unwritable",
          "The collector cannot write to its disk. Send again later.",
          error,
        );
      default:
    }
  }
  return new Refusal("internal", "The collector failed to take the request. Send again later.", error);
}
