import { type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { ServerSpan } from "../http/server-span.js";
import type { LogBatch } from "../logs/log-batch.js";
import { type AgentContextManager, requestSpan } from "../trace/context-manager.js";
import { listenQuietly } from "./quiet-listener.js";

/** What recording fatal errors needs. */
export interface FatalErrorDeps {
  readonly logs: LogBatch | undefined;
  readonly contexts: AgentContextManager;
  readonly now: () => number;
  /** Node's own arguments, which may say what is done about rejections. */
  readonly nodeArgs: readonly string[];
  /** Tells what to do about an error that comes of how the agent was started. */
  readonly advise: (text: string) => void;
}

/**
 * Records what nobody has caught, exceptions and rejected promises, as a log record with the stack and on the spans during
 * which it happened. Node only lets us watch here: whether the process ends by it, and with which code, is none of our
 * business. Returns what undoes it.
 */
export function recordFatalErrors(deps: FatalErrorDeps): () => void {
  const seen = new WeakSet();
  const recordOnce = (error: unknown, message: string, isFatal: boolean): void => {
    try {
      // Some modes offer a rejection as both.
      if (typeof error === "object" && error !== null) {
        if (seen.has(error)) return;
        seen.add(error);
      }
      record(deps, error, message, isFatal);
      if (isForeignFile(error, deps.nodeArgs)) deps.advise(REQUIRE_INSTEAD);
    } catch {
      // The error that ends the process must stay the one that is reported.
    }
  };
  const onException = (error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void =>
    recordOnce(error, origin === "unhandledRejection" ? REJECTION : EXCEPTION, !isCaught());
  const onRejection = (reason: unknown): void => recordOnce(reason, REJECTION, false);
  process.on("uncaughtExceptionMonitor", onException);
  // A rejection that the service listens to never becomes an exception.
  const undo = listenQuietly("unhandledRejection", onRejection, {
    place: "first",
    isAlone: /--unhandled-rejections[= ](?:warn|none)(?: |$)/.test(deps.nodeArgs.join(" ")),
  });
  return () => {
    process.off("uncaughtExceptionMonitor", onException);
    undo();
  };
}

const EXCEPTION = "uncaught exception";
const REJECTION = "unhandled promise rejection";

/** Whether Node would have asked a loader that is required to read the file, had nothing been given by `--import`. */
function isForeignFile(error: unknown, nodeArgs: readonly string[]): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  const args = nodeArgs.join(" ");
  return (
    code === "ERR_UNKNOWN_FILE_EXTENSION" &&
    /--import[= ]/.test(args) &&
    /(?:^| )(?:-r|--require)[= ]/.test(args)
  );
}

const REQUIRE_INSTEAD =
  "Node does not ask loaders that are required, such as ts-node/register, where anything is given by --import; start the agent by -r @tocsin/agent/register instead.";

function isCaught(): boolean {
  return process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback();
}

function record(
  { logs, contexts, now }: FatalErrorDeps,
  error: unknown,
  msg: string,
  isFatal: boolean,
): void {
  const active = contexts.active();
  const span = trace.getSpan(active);
  const err =
    error instanceof Error
      ? { type: error.name, message: error.message, stack: error.stack }
      : { type: typeof error, message: String(error) };
  const level = isFatal ? FATAL : ERROR;
  logs?.add(JSON.stringify({ level, msg, err }), now(), {
    messageKey: "msg",
    context: contexts.activeSpanContext(),
  });
  for (const told of new Set([span, requestSpan(active)])) if (told !== undefined) tell(told, error, isFatal);
}

/** With nobody to catch the exception the work will never be done, so nobody else will end the span. */
function tell(span: Span, error: unknown, isFatal: boolean): void {
  if (span instanceof ServerSpan) {
    span.failed(error);
    if (!isFatal) return;
    span.setAttribute("error.type", error instanceof Error ? error.name : typeof error);
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.finish(true);
  } else if (span.isRecording()) {
    span.recordException(error instanceof Error ? error : String(error));
    span.setStatus({ code: SpanStatusCode.ERROR });
    if (isFatal) span.end();
  }
}

/** pino's levels. */
const FATAL = 60;
const ERROR = 50;
