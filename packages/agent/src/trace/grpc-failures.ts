import { SpanKind, type SpanStatus, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";

/**
 * Says what failed calls of gRPC failed by as semantic conventions have it, when their span has ended.
 *
 * An error without a code, which grpc-js answers by UNKNOWN, is a failure of the server that OpenTelemetry's instrumentation
 * takes for none.
 */
export class GrpcFailures implements SpanProcessor {
  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const { attributes, kind, instrumentationScope } = span;
    if (instrumentationScope.name !== SCOPE || !(MESSAGE in attributes)) return;
    const message = String(attributes[MESSAGE]);
    delete attributes[MESSAGE];
    delete attributes[NAME];
    if (kind === SpanKind.SERVER && !(CODE in attributes)) {
      attributes[CODE] = UNKNOWN;
      (span as { status: SpanStatus }).status = { code: SpanStatusCode.ERROR, message };
    }
    attributes["error.type"] ??= String(attributes[CODE]);
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

const SCOPE = "@opentelemetry/instrumentation-grpc";
const CODE = "rpc.grpc.status_code";
const NAME = "grpc.error_name";
const MESSAGE = "grpc.error_message";
const UNKNOWN = 2;
