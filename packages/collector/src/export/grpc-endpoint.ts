import { Client, compressionAlgorithms, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { OtlpSignal } from "../otlp/columns.js";
import { WireReader } from "../otlp/wire.js";
import { type Endpoint, type EndpointOptions, printableUrl, readPartialSuccess } from "./endpoint.js";
import { type Outcome, outcomeOfRpc } from "./outcome.js";
import { explainTls } from "./tls.js";

const METHODS: Readonly<Record<OtlpSignal, string>> = {
  traces: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
  logs: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
};

/** An OTLP/gRPC endpoint: `grpc://host:port`, or `grpcs://host:port` over TLS. */
export function grpcEndpoint(url: URL, options: EndpointOptions = {}): Endpoint {
  const { compression = "gzip", timeoutMs = 10_000, headers = {}, tls, mask = (text) => text } = options;
  const channel =
    url.protocol === "grpcs:"
      ? credentials.createSsl(pem(tls?.ca), pem(tls?.key), pem(tls?.cert))
      : credentials.createInsecure();
  const client = new Client(url.host, channel, {
    "grpc.default_compression_algorithm":
      compression === "gzip" ? compressionAlgorithms.gzip : compressionAlgorithms.identity,
    "grpc.keepalive_time_ms": 60_000,
  });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);

  function send(signal: OtlpSignal, body: Buffer, abort: AbortSignal): Promise<Outcome> {
    const asItIs = (bytes: Buffer): Buffer => bytes;
    return new Promise((resolve) => {
      const call = client.makeUnaryRequest(
        METHODS[signal],
        asItIs,
        asItIs,
        body,
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, answer?: Buffer) => {
          abort.removeEventListener("abort", cancel);
          if (error) resolve(outcomeOfRpc(error.code, retryInfoMs(error), mask(explainTls(error.details))));
          else {
            const { rejectedItems, message } = readPartialSuccess(answer ?? Buffer.alloc(0));
            resolve({ kind: "sent", rejectedItems, message: mask(message) });
          }
        },
      );
      function cancel(): void {
        call.cancel();
      }
      abort.addEventListener("abort", cancel, { once: true });
      if (abort.aborted) cancel();
    });
  }

  return { name: printableUrl(url), send, close: () => client.close() };
}

function pem(text: string | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
}

/** RetryInfo's delay in `grpc-status-details-bin`, in milliseconds. */
function retryInfoMs(error: ServiceError): number | undefined {
  const [details] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!Buffer.isBuffer(details)) return undefined;
  try {
    const status = fieldsOf(details);
    for (const any of status.get(3) ?? []) {
      const fields = fieldsOf(any);
      if (!fields.get(1)?.[0]?.toString().endsWith("google.rpc.RetryInfo")) continue;
      const [delay] = fieldsOf(fields.get(2)?.[0] ?? Buffer.alloc(0)).get(1) ?? [];
      return delay ? durationMs(delay) : 0;
    }
  } catch {
    // Details that cannot be read are as good as none.
  }
  return undefined;
}

/** The length-delimited fields of a message. */
function fieldsOf(message: Buffer): Map<number, Buffer[]> {
  const fields = new Map<number, Buffer[]>();
  const reader = new WireReader(message);
  while (reader.pos < message.length) {
    const tag = reader.tag(message.length);
    if ((tag & 7) !== 2) {
      reader.skip(tag, message.length);
      continue;
    }
    const stop = reader.stop(message.length);
    fields.set(tag >>> 3, [...(fields.get(tag >>> 3) ?? []), message.subarray(reader.pos, stop)]);
    reader.pos = stop;
  }
  return fields;
}

function durationMs(duration: Buffer): number {
  const reader = new WireReader(duration);
  let ms = 0;
  while (reader.pos < duration.length) {
    const tag = reader.tag(duration.length);
    if (tag === 8) ms += reader.varint64() * 1000;
    else if (tag === 16) ms += reader.varint64() / 1e6;
    else reader.skip(tag, duration.length);
  }
  return ms;
}
