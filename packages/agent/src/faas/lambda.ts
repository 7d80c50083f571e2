import { context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Agent } from "../agent.js";
import { AGENT_SCOPE } from "../scope.js";
import { start } from "../start.js";
import { triggerOf } from "./lambda-event.js";

/**
 * Wraps a Lambda handler: a span per invocation, under the trace that an HTTP event brings along or linked to those of a
 * batch's messages, and a flush before the answer, since the process is frozen afterwards.
 *
 * Handlers that return a promise, call back, end the context (`context.succeed`) or stream their answer
 * (`awslambda.streamifyResponse`, inside or outside of this) work as they do without it; what they return or throw stays.
 * The flush takes 1 s at most, and less where the function's time is nearly over. An invocation that runs out of its time
 * is told of before it does.
 *
 * @param agent the running agent; started when there is none
 */
export function wrapLambda<Handler extends (...args: never[]) => unknown>(
  handler: Handler,
  agent: Agent = start(),
): Handler {
  let isCold = true;
  const wrapped = (...args: unknown[]): unknown => {
    const at = args.findIndex(isLambdaContext);
    const lambda = (args[at] ?? {}) as LambdaContext;
    const { parent, links, kind, attributes } = triggerOf(args[0]);
    const span = trace.getTracer(AGENT_SCOPE.name, AGENT_SCOPE.version).startSpan(
      lambda.functionName ?? "lambda",
      {
        kind,
        links,
        attributes: {
          ...attributes,
          "faas.invocation_id": lambda.awsRequestId,
          "faas.coldstart": isCold,
          "cloud.resource_id": lambda.invokedFunctionArn,
        },
      },
      parent,
    );
    isCold = false;
    const flush = (): Promise<void> => agent.flush(timeFor(lambda)).catch(() => undefined);
    const alarm = beforeTimeout(lambda, () => {
      failed(span, "timeout", new Error("the invocation is about to run out of its time"));
      span.end();
      void flush();
    });
    const finish = async (outcome: Outcome): Promise<void> => {
      clearTimeout(alarm);
      if (outcome.error !== undefined && outcome.error !== null) failed(span, undefined, outcome.error);
      else answered(span, outcome.result);
      span.end();
      await flush();
    };
    const isCallingBack = handler.length > 2 && typeof args[at + 1] === "function";
    let result: unknown;
    try {
      const handed = at < 0 ? args : withEnds(args, at, finish);
      result = context.with(trace.setSpan(parent, span), () => Reflect.apply(handler, undefined, handed));
    } catch (error) {
      return finish({ error }).then(() => {
        throw error;
      });
    }
    if (isThenable(result))
      return Promise.resolve(result).then(
        (value) => finish({ result: value }).then(() => value),
        (error) =>
          finish({ error }).then(() => {
            throw error;
          }),
      );
    // It calls back, or ends the context, in its own time.
    if (isCallingBack || (result === undefined && "succeed" in lambda)) return result;
    return finish({ result }).then(() => result);
  };
  // Lambda tells kinds of handlers by their parameters, and those that stream by a property.
  Object.defineProperty(wrapped, "length", { value: handler.length, configurable: true });
  return Object.assign(wrapped, handler) as unknown as Handler;
}

/** What of Lambda's context is used. */
interface LambdaContext {
  readonly awsRequestId?: string;
  readonly invokedFunctionArn?: string;
  readonly functionName?: string;
  getRemainingTimeInMillis?(): number;
}

interface Outcome {
  readonly error?: unknown;
  readonly result?: unknown;
}

type Finish = (outcome: Outcome) => Promise<void>;

/** The second argument, or the third of a handler that streams. */
function isLambdaContext(value: unknown, index: number): boolean {
  return index > 0 && typeof value === "object" && value !== null && "awsRequestId" in value;
}

/** The arguments, with the ways to end an invocation by a call delayed until everything is flushed. */
function withEnds(args: readonly unknown[], at: number, finish: Finish): unknown[] {
  const handed = [...args];
  const [lambda, callback] = [args[at] as Ends, args[at + 1]];
  if (typeof callback === "function")
    handed[at + 1] = (error: unknown, result: unknown) =>
      void finish({ error, result }).then(() => callback(error, result));
  const { done, succeed, fail } = lambda;
  if (typeof succeed === "function")
    handed[at] = Object.create(lambda, {
      done: {
        value: (error: unknown, result: unknown) =>
          void finish({ error, result }).then(() => done?.(error, result)),
      },
      succeed: { value: (result: unknown) => void finish({ result }).then(() => succeed(result)) },
      fail: { value: (error: unknown) => void finish({ error }).then(() => fail?.(error)) },
    });
  return handed;
}

/** What Lambda's context had before Node 24 beside the callback. */
interface Ends {
  readonly done?: (error: unknown, result: unknown) => void;
  readonly succeed?: (result: unknown) => void;
  readonly fail?: (error: unknown) => void;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function failed(span: Span, type: string | undefined, error: unknown): void {
  const known = error instanceof Error ? error : String(error);
  span.recordException(known);
  span.setAttribute("error.type", type ?? (error instanceof Error ? error.name : typeof error));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** An answer to an HTTP event has a status. */
function answered(span: Span, result: unknown): void {
  const status = (result as { statusCode?: unknown } | null | undefined)?.statusCode;
  if (typeof status !== "number") return;
  span.setAttribute("http.response.status_code", status);
  if (status < 500) return;
  span.setAttribute("error.type", String(status));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** Calls when the time is nearly over, unless it is cleared before. */
function beforeTimeout(lambda: LambdaContext, tell: () => void): NodeJS.Timeout | undefined {
  const leftMs = lambda.getRemainingTimeInMillis?.();
  if (leftMs === undefined || leftMs <= TELL_MS) return undefined;
  const timer = setTimeout(tell, Math.min(leftMs - TELL_MS, LONGEST_TIMER_MS));
  // Waiting for an empty event loop is one of Lambda's ways to end an invocation.
  timer.unref();
  return timer;
}

function timeFor(lambda: LambdaContext): number {
  const leftMs = (lambda.getRemainingTimeInMillis?.() ?? Number.POSITIVE_INFINITY) - SPARE_MS;
  return Math.max(SPARE_MS, Math.min(FLUSH_MS, leftMs));
}

const FLUSH_MS = 1000;
/** Left to Lambda for the answer itself. */
const SPARE_MS = 50;
/** How long before the end of its time an invocation is told of. */
const TELL_MS = 400;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
