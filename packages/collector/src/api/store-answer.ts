import type { Clock } from "@tocsin/model";
import type { Request, Response } from "express";
import { CollectorError } from "../errors.js";
import { QueryProblem } from "./search-query.js";

/** What routes over the store are handed. */
export interface StoreDeps<S> {
  /** Undefined when the collector runs without one (`store: none`, sidecar). */
  readonly store: S | undefined;
  /** Why there is none although one is wanted: it starts, or cannot be opened. */
  readonly fault?: string | undefined;
  readonly clock: Clock;
}

/** How an answer of the store, or its error, becomes an HTTP status. */
export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/**
 * Runs a handler with a signal that is aborted when the asker goes away, so that the query ends in the engine too.
 * What goes wrong is handed to `fail`; unknown errors go on to express.
 */
export async function answerFromStore<S>(
  deps: StoreDeps<S>,
  request: Request,
  response: Response,
  fail: (response: Response, failure: Failure) => void,
  handle: (store: S, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  response.on("close", () => abort.abort());
  if (deps.store === undefined && deps.fault !== undefined) {
    response.setHeader("Retry-After", "5");
    fail(response, {
      status: 503,
      code: "STORE_NOT_READY",
      message: `There is no store to ask at the moment: ${deps.fault}. What arrives meanwhile waits in the spool.`,
    });
    return;
  }
  if (deps.store === undefined) {
    fail(response, {
      status: 503,
      code: "STORE_NONE",
      message:
        "This collector keeps no traces or logs (`store: none` or `mode: sidecar`). Ask the gateway, or configure a store.",
    });
    return;
  }
  try {
    await handle(deps.store, abort.signal);
  } catch (error) {
    if (abort.signal.aborted && request.destroyed) return;
    const failure = failureOf(error);
    if (failure.status === 503) response.setHeader("Retry-After", "5");
    if (response.headersSent) response.destroy();
    else fail(response, failure);
  }
}

/** `{error, code}`, as all of Tocsin's own API says it. */
export function failAsJson(response: Response, { status, code, message }: Failure): void {
  response.status(status).json({ error: message, code });
}

function failureOf(error: unknown): Failure {
  if (error instanceof QueryProblem) return { status: 400, code: "QUERY_INVALID", message: error.message };
  if (!(error instanceof CollectorError)) throw error;
  return { status: STATUS[error.code] ?? 500, code: error.code, message: error.message };
}

const STATUS: Partial<Record<string, number>> = {
  STORE_CURSOR_INVALID: 400,
  STORE_QUERY_LIMIT: 422,
  STORE_QUERY_CANCELLED: 503,
  STORE_NOT_READY: 503,
  STORE_CLOSED: 503,
};
