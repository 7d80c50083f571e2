import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Agent } from "../agent.js";
import { AGENT_SCOPE } from "../scope.js";
import { start } from "../start.js";

/** What of Lambda's context is used. */
export interface LambdaContext {
  readonly awsRequestId: string;
  readonly invokedFunctionArn?: string;
  readonly functionName?: string;
}

/**
 * Wraps a Lambda handler: a span per invocation, under the trace that an HTTP event brings along, and a flush before the
 * answer, since the process is frozen afterwards. The flush takes 1 s at most; what the handler returns or throws stays.
 *
 * @param agent the running agent; started when there is none
 */
export function wrapLambda<Event, Result>(
  handler: (event: Event, lambda: LambdaContext) => Promise<Result> | Result,
  agent: Agent = start(),
): (event: Event, lambda: LambdaContext) => Promise<Result> {
  let isCold = true;
  return async (event, lambda) => {
    const parent = propagation.extract(ROOT_CONTEXT, headersOf(event));
    const span = trace.getTracer(AGENT_SCOPE.name, AGENT_SCOPE.version).startSpan(
      lambda.functionName ?? "lambda",
      {
        kind: SpanKind.SERVER,
        attributes: {
          "faas.invocation_id": lambda.awsRequestId,
          "faas.coldstart": isCold,
          ...(lambda.invokedFunctionArn === undefined
            ? {}
            : { "cloud.resource_id": lambda.invokedFunctionArn }),
        },
      },
      parent,
    );
    isCold = false;
    try {
      return await context.with(trace.setSpan(parent, span), () => handler(event, lambda));
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
      await agent.flush(FLUSH_MS).catch(() => undefined);
    }
  };
}

const FLUSH_MS = 1000;

/** API Gateway and function URLs hand headers in the event, in any case. */
function headersOf(event: unknown): Record<string, string> {
  const headers = (event as { headers?: unknown } | null | undefined)?.headers;
  if (typeof headers !== "object" || headers === null) return {};
  return Object.fromEntries(
    Object.entries(headers).map(([key, value]) => [key.toLowerCase(), String(value)]),
  );
}
