import {
  Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { Address } from "../api/listen.js";
import type { OtlpSignal } from "../otlp/columns.js";
import type { Reservation } from "./admission.js";
import { exportResponse, statusWithRetryInfo } from "./answer.js";
import type { Intake } from "./intake.js";
import { createPort, type ServerTls } from "./port.js";
import type { Refusal } from "./refusal.js";
import { anyoneMayWrite, senderOf, type WriteAuthorizer } from "./sender.js";

export interface GrpcReceiverOptions {
  readonly intake: Intake;
  /** Default: anyone may write; for loopback only. */
  readonly authorizer?: WriteAuthorizer;
  readonly tls?: ServerTls | undefined;
  /** Where OTLP/HTTP is received, for those who send it here. */
  readonly httpPort?: () => number | undefined;
}

/** The gRPC port for telemetry. */
export interface GrpcReceiver {
  /** @returns the port it got @throws {CollectorError} RECEIVE_LISTEN_FAILED */
  listen(address: Address): Promise<number>;
  /** Takes no new calls, lets those in flight finish, then closes. Callable twice. */
  close(): Promise<void>;
}

const SERVICES: Readonly<Record<OtlpSignal, string>> = {
  traces: "opentelemetry.proto.collector.trace.v1.TraceService",
  metrics: "opentelemetry.proto.collector.metrics.v1.MetricsService",
  logs: "opentelemetry.proto.collector.logs.v1.LogsService",
};

const SIGNAL_OF_PATH: ReadonlyMap<string, OtlpSignal> = new Map(
  (Object.keys(SERVICES) as OtlpSignal[]).map((signal) => [`/${SERVICES[signal]}/Export`, signal]),
);

/** What is reserved before a message is read: gRPC does not tell its size. */
const UNANNOUNCED_BYTES = 256 * 1024;

interface Admitted {
  readonly sender: string;
  readonly reservation: Reservation;
  /** Bytes of it. */
  readonly reserved: number;
}

/** Calls that were let in are given this long to end when closing. */
const DRAIN_MS = 5_000;

/**
 * OTLP/gRPC (port 4317). Requests stay bytes: what gRPC hands over goes to the spool as it is.
 *
 * @see OpenTelemetry protocol specification, OTLP/gRPC.
 */
export function createOtlpGrpcReceiver(options: GrpcReceiverOptions): GrpcReceiver {
  const { intake, authorizer = anyoneMayWrite, tls, httpPort = () => undefined } = options;
  /** By the metadata of a call, which is all that its interceptor and its handler have in common. */
  const admitted = new WeakMap<Metadata, Admitted>();
  const server = new Server({
    interceptors: [admit],
    "grpc.max_receive_message_length": intake.limits.maxRequestBytes,
    "grpc.max_concurrent_streams": 256,
    // A sender that went away without a word is noticed, and one that pings too often is cut off by the library.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.max_connection_idle_ms": 300_000,
  });
  for (const signal of Object.keys(SERVICES) as OtlpSignal[]) {
    server.addService(definition(signal), {
      export: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
        void receive(signal, call, callback);
      },
    });
  }
  // TLS ends at the port, before the library sees a connection.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const port = createPort({
    purpose: "OTLP/gRPC",
    speaks: "HTTP/2",
    tls,
    ...intake.limits,
    wrongPort: () =>
      `This port takes OTLP/gRPC, not HTTP/1.1. Send OTLP/HTTP to port ${httpPort() ?? 4318}, or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc.`,
    serve: (socket) => injector.injectConnection(socket),
    refuse: (sender, refusal) => intake.refuse("otlp-grpc", "", sender, refusal),
  });
  intake.watchConnections("otlp-grpc", port);
  let closing: Promise<void> | undefined;
  return { listen: (address) => port.listen(address), close };

  /** Lets a call in before its message is read: until then the sender's bytes stay where they are. */
  function admit(
    method: Parameters<ServerInterceptor>[0],
    call: Parameters<ServerInterceptor>[1],
  ): ServerInterceptingCall {
    let reservation: Reservation | undefined;
    const onReceiveMetadata = async (
      metadata: Metadata,
      next: (metadata: Metadata) => void,
    ): Promise<void> => {
      const authorization = metadata.get("authorization")[0]?.toString();
      const sender = senderOf(authorizer, authorization, call.getPeer().replace(/:\d+$/, ""));
      reservation = intake.reserve(sender.name);
      try {
        if (sender.refusal) throw sender.refusal;
        const { maxRequestBytes, maxInFlightBytes, maxInFlightBytesPerSender } = intake.limits;
        const reserved = Math.min(
          UNANNOUNCED_BYTES,
          maxRequestBytes,
          maxInFlightBytes,
          maxInFlightBytesPerSender,
        );
        await reservation.admit(reserved);
        admitted.set(metadata, { sender: sender.name, reservation, reserved });
        next(metadata);
      } catch (error) {
        const refusal = intake.refuse("otlp-grpc", SIGNAL_OF_PATH.get(method.path) ?? "", sender.name, error);
        call.sendStatus({ code: refusal.rpcCode, details: refusal.message, metadata: detailsOf(refusal) });
      }
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => void onReceiveMetadata(metadata, pass),
          // However a call ends, it ends here.
          onCancel: () => reservation?.release(),
        }),
    });
  }

  async function receive(
    signal: OtlpSignal,
    call: ServerUnaryCall<Buffer, Buffer>,
    callback: sendUnaryData<Buffer>,
  ): Promise<void> {
    const { sender = "unknown", reservation, reserved = 0 } = admitted.get(call.metadata) ?? {};
    try {
      if (call.request.length > reserved) reservation?.add(call.request.length - reserved);
      intake.countBytes("otlp-grpc", call.request.length);
      const { rejected, reason } = await intake.accept("otlp-grpc", signal, call.request);
      callback(null, exportResponse(signal, "protobuf", rejected, reason));
    } catch (error) {
      const refusal = intake.refuse("otlp-grpc", signal, sender, error);
      callback({ code: refusal.rpcCode, details: refusal.message, metadata: detailsOf(refusal) });
    } finally {
      reservation?.release();
    }
  }

  function detailsOf(refusal: Refusal): Metadata {
    const metadata = new Metadata();
    if (refusal.retryable) {
      // Without RetryInfo a sender must take RESOURCE_EXHAUSTED for final and drop its data.
      const status = statusWithRetryInfo(refusal.rpcCode, refusal.message, intake.limits.retryAfterSeconds);
      metadata.set("grpc-status-details-bin", status);
    }
    return metadata;
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      const closed = port.close();
      const force = setTimeout(() => server.forceShutdown(), DRAIN_MS);
      server.tryShutdown(() => {
        // Calls in flight are over, and so are the connections.
      });
      await closed;
      clearTimeout(force);
    })();
    return closing;
  }
}

function definition(signal: OtlpSignal): ServiceDefinition {
  const asItIs = (bytes: Buffer): Buffer => bytes;
  return {
    export: {
      path: `/${SERVICES[signal]}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    },
  };
}
