import { messageOf } from "@tocsin/model";
import { ActionError } from "./errors.js";

/** One request to the target of an action. */
export interface HttpCall {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON when given. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`; its content-type is among the headers. */
  readonly rawBody?: string;
  readonly signal: AbortSignal;
  /** Answers that are no error to the caller besides 2xx, such as 404 when asking whether something exists. */
  readonly accept?: readonly number[];
}

/** An answer, its body cut at 1 MB. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const MAX_BODY_BYTES = 1_048_576;
const MAX_RETRY_AFTER_MS = 300_000;

/** Failures before a connection stands: the request was never sent. */
const NOT_CONNECTED = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/**
 * Makes one request and turns everything that can go wrong into an `ActionError` that says whether it may be tried
 * again and whether it may have had an effect. Redirects are not followed: a target that moved is looked at by a person.
 *
 * @throws {ActionError} every code of a target
 */
export async function callHttp(fetchFn: typeof fetch, call: HttpCall): Promise<HttpAnswer> {
  const where = `${call.method} ${shownUrl(call.url)}`;
  const sent = call.rawBody ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  let response: Response;
  try {
    response = await fetchFn(call.url, {
      method: call.method,
      headers: {
        accept: "application/json",
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
      redirect: "manual",
      signal: call.signal,
    });
    const text = await readText(response);
    if (response.ok || call.accept?.includes(response.status)) {
      return { status: response.status, headers: response.headers, text };
    }
    throw rejection(where, response, text, effectOf(call));
  } catch (thrown) {
    throw thrown instanceof ActionError ? thrown : transportError(where, thrown, call);
  }
}

/** As `callHttp`, and reads the answer as JSON. */
export async function callJson(fetchFn: typeof fetch, call: HttpCall): Promise<unknown> {
  const { text } = await callHttp(fetchFn, call);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ActionError(
      "ACTION_ANSWER_INVALID",
      `${call.method} ${shownUrl(call.url)} answered with something that is not JSON: ${excerpt(text)}. Check the address.`,
      { cause, effect: call.method === "GET" ? "none" : "unknown" },
    );
  }
}

/** A URL as people may see it: without user, password and query, which is where secrets hide. */
export function shownUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  return parsed ? `${parsed.protocol}//${parsed.host}${parsed.pathname}` : "<invalid URL>";
}

/** One line of an answer, short enough for a log. */
export function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** What a call may have done when its outcome is not known: asking changes nothing. */
function effectOf({ method }: HttpCall): "none" | "unknown" {
  return method === "GET" ? "none" : "unknown";
}

function rejection(where: string, response: Response, text: string, effect: "none" | "unknown"): ActionError {
  const { status } = response;
  const said = text === "" ? "" : `: ${excerpt(text)}`;
  if (status === 429 || status === 503) {
    const retryAfterMs = readRetryAfter(
      response.headers.get("retry-after"),
      Date.parse(response.headers.get("date") ?? ""),
    );
    // A 503 that names no time may come from a proxy that lost the target in the middle of the request.
    const isRefusal = status === 429 || retryAfterMs !== undefined;
    return new ActionError("ACTION_THROTTLED", `${where} answered ${status}, it asks to wait${said}.`, {
      retryable: true,
      retryAfterMs,
      effect: isRefusal ? "none" : effect,
    });
  }
  if (status >= 500) {
    return new ActionError(
      "ACTION_TARGET_FAILED",
      `${where} answered ${status}${said}. Whether it did anything is not known; look at the target.`,
      { retryable: true, effect },
    );
  }
  if (status === 409 || status === 412) {
    return new ActionError(
      "ACTION_TARGET_CHANGED",
      `${where} answered ${status}, it changed since it was read${said}.`,
      {
        retryable: true,
      },
    );
  }
  return new ActionError(
    "ACTION_REJECTED",
    `${where} answered ${status}${said}. Check the address and its rights.`,
  );
}

function transportError(where: string, thrown: unknown, call: HttpCall): ActionError {
  if (call.signal.aborted) {
    const isTimeout = nameOf(call.signal.reason) === "TimeoutError";
    return isTimeout
      ? new ActionError(
          "ACTION_TIMEOUT",
          `${where} did not answer in time. Whether it did anything is not known.`,
          {
            cause: thrown,
            retryable: true,
            effect: effectOf(call),
          },
        )
      : new ActionError("ACTION_ABORTED", `${where} was given up before it answered.`, {
          cause: thrown,
          effect: effectOf(call),
        });
  }
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const isSent = !NOT_CONNECTED.has(code) && effectOf(call) === "unknown";
  return new ActionError(
    isSent ? "ACTION_TARGET_FAILED" : "ACTION_UNREACHABLE",
    `${where} cannot be reached: ${cause === undefined ? messageOf(thrown) : messageOf(cause)}. Check that it runs and listens there.`,
    { cause: thrown, retryable: true, effect: isSent ? "unknown" : "none" },
  );
}

/** Seconds, or a date compared with the server's own clock. Longer than five minutes counts as five minutes. */
function readRetryAfter(header: string | null, serverNowMs: number): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - serverNowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS) : undefined;
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  while (reader && size < MAX_BODY_BYTES) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks).toString("utf8");
    chunks.push(value);
    size += value.length;
  }
  await reader?.cancel();
  return Buffer.concat(chunks).toString("utf8", 0, MAX_BODY_BYTES);
}

function nameOf(reason: unknown): string {
  return reason instanceof Error || reason instanceof DOMException ? reason.name : "";
}
