import type { IncomingMessage, ServerResponse } from "node:http";
import { trace } from "@opentelemetry/api";
import { serverSpanOf } from "../http/server.js";

/**
 * An error handler that records the error on the request's span and hands it on unchanged.
 *
 * With express loaded after the agent there is no need for it; it is for frameworks and bundles whose files the agent
 * does not see.
 */
export function recordErrors(): (
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  next: (error: unknown) => void,
) => void {
  return (error, request, _response, next) => {
    const span = serverSpanOf(request);
    if (span !== undefined) span.failed(error);
    else trace.getActiveSpan()?.recordException(error instanceof Error ? error : String(error));
    next(error);
  };
}
