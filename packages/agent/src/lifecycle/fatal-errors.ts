import type { Span } from "@opentelemetry/api";
import { ServerSpan } from "../http/server-span.js";
import type { LogBatch } from "../logs/log-batch.js";

/** What recording fatal errors needs. */
export interface FatalErrorDeps {
  readonly logs: LogBatch | undefined;
  readonly activeSpan: () => Span | undefined;
  readonly now: () => number;
}

/**
 * Records what is about to end the process, an uncaught exception or an unhandled rejection, as a log record of its own
 * with the stack, and on the request during which it happened. Node only lets us watch here: how the process ends, and
 * with which code, is none of our business. Returns what undoes it.
 */
export function recordFatalErrors(deps: FatalErrorDeps): () => void {
  const onFatal = (error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void => {
    try {
      record(deps, error, origin);
    } catch {
      // The error that ends the process must stay the one that is reported.
    }
  };
  process.on("uncaughtExceptionMonitor", onFatal);
  return () => {
    process.off("uncaughtExceptionMonitor", onFatal);
  };
}

function record({ logs, activeSpan, now }: FatalErrorDeps, error: unknown, origin: string): void {
  const span = activeSpan();
  const context = span?.spanContext();
  const err =
    error instanceof Error
      ? { type: error.name, message: error.message, stack: error.stack }
      : { type: typeof error, message: String(error) };
  const msg = origin === "unhandledRejection" ? "unhandled promise rejection" : "uncaught exception";
  const place =
    context === undefined ? "" : `${context.traceId}${context.spanId}${context.traceFlags & 1 ? "01" : "00"}`;
  logs?.add(JSON.stringify({ level: 60, msg, err }), now(), place, "msg");
  if (span instanceof ServerSpan) {
    span.failed(error);
    // With nobody to catch the exception the answer will never be sent, so nobody else will end the span.
    if (process.listenerCount("uncaughtException") === 0) span.finish(false);
  }
}
