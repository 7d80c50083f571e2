// A service with the OpenTelemetry SDK as its users write it: everything is set by the environment (OTEL_SERVICE_NAME,
// OTEL_EXPORTER_OTLP_*). Sends one trace of two spans, three counted orders and one log line, then ends.
import { metrics, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { logs, SeverityNumber } from "@opentelemetry/api-logs";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({ instrumentations: [] });
sdk.start();
const traceId = trace.getTracer("shop").startActiveSpan("POST /orders", { kind: SpanKind.SERVER }, (root) => {
  trace
    .getTracer("shop")
    .startActiveSpan("charge", { attributes: { amount: 12.5, paid: true } }, (charge) => {
      logs.getLogger("shop").emit({
        severityNumber: SeverityNumber.WARN,
        severityText: "WARN",
        body: "card was slow",
        attributes: { "card.kind": "débit" },
      });
      charge.setStatus({ code: SpanStatusCode.ERROR, message: "too slow" });
      charge.end();
    });
  root.end();
  return root.spanContext().traceId;
});
metrics.getMeter("shop").createCounter("sdk.orders").add(3, { kind: "card" });
await sdk.shutdown();
console.log(JSON.stringify({ traceId }));
