import { TocsinError } from "@tocsin/model";

/** Every error code of the collector, by part. */
export type CollectorErrorCode =
  // config
  | "CONFIG_INVALID"
  | "CONFIG_NEEDS_RESTART"
  | "CONFIG_UNREADABLE"
  // otlp: bytes that are not what they claim to be
  | "OTLP_MALFORMED"
  | "OTLP_TOO_DEEP"
  // receive
  | "RECEIVE_REFUSED"
  | "RECEIVE_LISTEN_FAILED"
  // spool
  | "SPOOL_CLOSED"
  | "SPOOL_CONSUMER_UNKNOWN"
  | "SPOOL_FULL"
  | "SPOOL_LOCKED"
  | "SPOOL_RECORD_TOO_LARGE"
  | "SPOOL_WRITE_FAILED"
  // store
  | "STORE_CLOSED"
  | "STORE_CURSOR_INVALID"
  | "STORE_ENCODER_FAILED"
  | "STORE_ENGINE_UNAVAILABLE"
  | "STORE_NOT_READY"
  | "STORE_QUERY_CANCELLED"
  | "STORE_QUERY_FAILED"
  | "STORE_QUERY_LIMIT"
  | "STORE_SCHEMA_TOO_NEW"
  | "STORE_WRITE_FAILED"
  // journal
  | "JOURNAL_CLOSED"
  | "JOURNAL_WRITE_FAILED"
  // head
  | "HEAD_SNAPSHOT_DAMAGED"
  // remote write
  | "REMOTE_WRITE_MALFORMED"
  // export
  | "EXPORT_REJECTED"
  | "EXPORT_UNREACHABLE";

/** What the collector throws on purpose; branch on `code`. */
export class CollectorError extends TocsinError {
  declare readonly code: CollectorErrorCode;

  constructor(
    code: CollectorErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean } = {},
  ) {
    super(code, message, options);
  }
}
