import { BackwardWriter } from "../otlp/backward-writer.js";
import type { OtlpSignal } from "../otlp/columns.js";
import { WireType } from "../otlp/wire.js";

/** The encodings of OTLP/HTTP; an answer has the encoding of its request. */
export type Encoding = "protobuf" | "json";

/** Codes of google.rpc.Status that receivers use. */
export const RpcCode = {
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;
export type RpcCode = (typeof RpcCode)[keyof typeof RpcCode];

/** Names of the count of rejected items in each signal's partial success. */
const REJECTED_NAME: Readonly<Record<OtlpSignal, string>> = {
  traces: "rejectedSpans",
  metrics: "rejectedDataPoints",
  logs: "rejectedLogRecords",
};

/** An Export…ServiceResponse; `partial_success` is set only when something was rejected. */
export function exportResponse(
  signal: OtlpSignal,
  encoding: Encoding,
  rejected: number,
  reason: string,
): Buffer {
  if (encoding === "json") {
    const partialSuccess = { [REJECTED_NAME[signal]]: String(rejected), errorMessage: reason };
    return Buffer.from(JSON.stringify(rejected > 0 ? { partialSuccess } : {}));
  }
  const writer = new BackwardWriter(64 + reason.length * 3);
  if (rejected === 0) return writer.finish();
  writer.text(reason);
  writer.varint(writer.length);
  writer.tag(2, WireType.bytes);
  writer.varint(rejected);
  writer.tag(1, WireType.varint);
  writer.varint(writer.length);
  writer.tag(1, WireType.bytes);
  return writer.finish();
}

/** A google.rpc.Status. */
export function statusBody(encoding: Encoding, code: RpcCode, message: string): Buffer {
  if (encoding === "json") return Buffer.from(JSON.stringify({ code, message }));
  const writer = new BackwardWriter(16 + message.length * 3);
  writeStatus(writer, code, message);
  return writer.finish();
}

/**
 * A google.rpc.Status with RetryInfo among its details, as gRPC carries it in `grpc-status-details-bin`.
 *
 * @param retryAfterSeconds how long the sender should wait
 */
export function statusWithRetryInfo(code: RpcCode, message: string, retryAfterSeconds: number): Buffer {
  const writer = new BackwardWriter(128 + message.length * 3);
  // RetryInfo { retry_delay: Duration { seconds } } inside Any { type_url, value }, innermost first.
  const before = writer.length;
  writer.varint(retryAfterSeconds);
  writer.tag(1, WireType.varint);
  close(writer, before, 1);
  close(writer, before, 2);
  const typeStart = writer.length;
  writer.text("type.googleapis.com/google.rpc.RetryInfo");
  close(writer, typeStart, 1);
  close(writer, before, 3);
  writeStatus(writer, code, message);
  return writer.finish();
}

function writeStatus(writer: BackwardWriter, code: RpcCode, message: string): void {
  const before = writer.length;
  writer.text(message);
  close(writer, before, 2);
  writer.varint(code);
  writer.tag(1, WireType.varint);
}

function close(writer: BackwardWriter, before: number, field: number): void {
  writer.varint(writer.length - before);
  writer.tag(field, WireType.bytes);
}
