import { TocsinError } from "@tocsin/model";

/** What went wrong with a query; the HTTP API maps `parse` to `bad_data`, `timeout` to `timeout`, the rest to `execution`. */
export type PromQLErrorKind = "parse" | "eval" | "unsupported" | "timeout";

/**
 * Every code of this package.
 *
 * - `PROMQL_PARSE`: the text is not PromQL, or its types do not fit (`kind: "parse"`).
 * - `PROMQL_EVAL`: the query cannot be answered on this data, such as many-to-many matching (`kind: "eval"`).
 * - `PROMQL_LIMIT`: the query needs more samples or steps than allowed (`kind: "eval"`).
 * - `PROMQL_UNSUPPORTED`: the query needs a feature that is not switched on (`kind: "unsupported"`).
 * - `PROMQL_TIMEOUT`: the time limit passed (`kind: "timeout"`).
 * - `PROMQL_ABORTED`: the caller's signal was aborted (`kind: "timeout"`).
 */
export type PromQLErrorCode =
  | "PROMQL_PARSE"
  | "PROMQL_EVAL"
  | "PROMQL_LIMIT"
  | "PROMQL_UNSUPPORTED"
  | "PROMQL_TIMEOUT"
  | "PROMQL_ABORTED";

/** Half-open range of UTF-16 offsets in the query text. */
export interface TextRange {
  readonly from: number;
  readonly to: number;
}

/** The one error class of this package. Parse errors carry the place in the query text. */
export class PromQLError extends TocsinError {
  declare readonly code: PromQLErrorCode;
  readonly kind: PromQLErrorKind;
  /** Where in the query, for parse errors: mark it with a caret. */
  readonly range: TextRange | undefined;

  constructor(
    code: PromQLErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean; range?: TextRange } = {},
  ) {
    super(code, message, options);
    this.kind = KIND_OF[code];
    this.range = options.range;
  }
}

const KIND_OF: Readonly<Record<PromQLErrorCode, PromQLErrorKind>> = {
  PROMQL_PARSE: "parse",
  PROMQL_EVAL: "eval",
  PROMQL_LIMIT: "eval",
  PROMQL_UNSUPPORTED: "unsupported",
  PROMQL_TIMEOUT: "timeout",
  PROMQL_ABORTED: "timeout",
};

/** An evaluation error with the given message. */
export function evalError(message: string): PromQLError {
  return new PromQLError("PROMQL_EVAL", message);
}
