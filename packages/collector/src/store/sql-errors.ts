import { ClickHouseError } from "@clickhouse/client";
import { messageOf } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import type { ReadLimits } from "./sql.js";

/** What went wrong with a read or a command, in our words. */
export function queryError(
  error: unknown,
  asked: { readonly signal?: AbortSignal; readonly limits: ReadLimits; readonly address: string },
): CollectorError {
  if (asked.signal?.aborted) {
    return new CollectorError("STORE_QUERY_CANCELLED", "The query was given up by whoever asked.", {
      cause: error,
    });
  }
  if (!(error instanceof ClickHouseError)) return unreachable(error, asked.address);
  if (error.code === "394") {
    return new CollectorError("STORE_QUERY_CANCELLED", "The query was ended.", { cause: error });
  }
  const reached = LIMITS_REACHED[error.code]?.(asked.limits);
  if (reached !== undefined) {
    return new CollectorError("STORE_QUERY_LIMIT", `${reached} Ask for a shorter time or add a service.`, {
      cause: error,
      retryable: true,
    });
  }
  return new CollectorError("STORE_QUERY_FAILED", `The engine refused a query: ${error.message}`, {
    cause: error,
  });
}

/** Codes by which the engine says that a query ran into one of its limits, in words. */
const LIMITS_REACHED: Readonly<Partial<Record<string, (limits: ReadLimits) => string>>> = {
  158: ({ readRows }) => `The query would read more than ${readRows} rows.`,
  159: ({ executionSeconds }) => `The query takes longer than ${executionSeconds} s.`,
  160: ({ executionSeconds }) => `The query would take longer than ${executionSeconds} s.`,
  202: () => "Too many queries run at the moment.",
  241: ({ memoryBytes }) => `The query needs more than ${memoryBytes / 2 ** 20} MiB of memory.`,
  307: () => "The query would read too many bytes.",
  396: ({ resultRows }) => `The answer has more than ${resultRows} rows.`,
};

/** Codes that say that the data itself is at fault: the same bytes would be refused again. */
const BAD_DATA_CODES = new Set(["6", "27", "33", "41", "50", "53", "69", "70", "72", "117", "131", "349"]);

/** What went wrong with an insert. */
export function writeError(error: unknown, table: string, address: string): CollectorError {
  if (!(error instanceof ClickHouseError)) return unreachable(error, address);
  return new CollectorError("STORE_WRITE_FAILED", `The engine refused rows for ${table}: ${error.message}`, {
    cause: error,
    retryable: !BAD_DATA_CODES.has(error.code),
  });
}

/** That nothing was answered, and by whom. */
export function unreachable(error: unknown, address: string): CollectorError {
  if (error instanceof CollectorError) return error;
  const message = `The store at ${address} does not answer: ${reasonOf(error)}. What arrives waits in the spool; try again when it is back.`;
  return new CollectorError("STORE_NOT_READY", message, { cause: error, retryable: true });
}

/** What went wrong, also where the words stand in an error inside (as in those of several addresses tried in turn). */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join(", ");
  return messageOf(error);
}
