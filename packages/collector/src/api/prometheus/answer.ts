import { messageOf, TocsinError } from "@tocsin/model";
import { type Annotations, PromQLError } from "@tocsin/promql";
import type { Request, RequestHandler, Response } from "express";

/** Kinds of failure in Prometheus's own words, with the HTTP status that each is answered with. */
const STATUS = {
  bad_data: 400,
  not_found: 404,
  execution: 422,
  internal: 500,
  timeout: 503,
  unavailable: 503,
} as const;
export type ApiErrorType = keyof typeof STATUS;

/** A failure to be answered as `{"status":"error","errorType":…,"error":…}`. */
export class ApiError extends Error {
  readonly type: ApiErrorType;

  constructor(type: ApiErrorType, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.type = type;
  }
}

/** What a handler gives: `data`, and notes that go beside it. */
export interface Answer {
  readonly data: unknown;
  readonly annotations?: Annotations;
}

/** Answers with what `handle` gives, or with the error it throws, in the form of Prometheus's HTTP API. */
export function answering(
  handle: (request: Request, signal: AbortSignal) => Promise<Answer> | Answer,
): RequestHandler {
  return async (request, response) => {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    try {
      const { data, annotations } = await handle(request, gone.signal);
      const warnings = annotations?.warnings ?? [];
      const infos = annotations?.infos ?? [];
      send(response, 200, {
        status: "success",
        data,
        ...(warnings.length > 0 ? { warnings } : {}),
        ...(infos.length > 0 ? { infos } : {}),
      });
    } catch (error) {
      const { type, message } = asApiError(error);
      send(response, STATUS[type], { status: "error", errorType: type, error: message });
    }
  };
}

function send(response: Response, status: number, body: object): void {
  if (response.destroyed || response.headersSent) return;
  response.status(status).type("application/json").send(JSON.stringify(body));
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (!(error instanceof PromQLError))
    return new ApiError(typeOfOther(error), messageOf(error), { cause: error });
  switch (error.kind) {
    case "parse":
    case "unsupported":
      return invalidParameter("query", error);
    case "timeout":
      return new ApiError("timeout", error.message, { cause: error });
    case "eval":
      return new ApiError("execution", error.message, { cause: error });
  }
}

/** What goes wrong in the store while it is asked for older samples. */
function typeOfOther(error: unknown): ApiErrorType {
  if (!(error instanceof TocsinError)) return "internal";
  if (error.code === "STORE_QUERY_LIMIT") return "execution";
  return error.retryable || error.code === "STORE_NOT_READY" ? "unavailable" : "internal";
}

/** A parameter that could not be understood. */
export function invalidParameter(name: string, reason: unknown): ApiError {
  return new ApiError("bad_data", `invalid parameter "${name}": ${messageOf(reason)}`, { cause: reason });
}
