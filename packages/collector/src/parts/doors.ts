import type { Address } from "../api/listen.js";
import type { Authenticator } from "../auth/authenticator.js";
import {
  createOtlpGrpcReceiver,
  createOtlpHttpReceiver,
  Intake,
  limitsOf,
  lokiRoutes,
  readTls,
  zipkinRoutes,
} from "../receive/index.js";
import type { Spool } from "../spool/index.js";
import type { PartContext } from "./parts.js";

/** Where telemetry comes in. */
export interface Doors {
  readonly intake: Intake;
  readonly otlpHttp: Address;
  readonly otlpGrpc: Address;
}

/**
 * Opens the ports for telemetry. What they acknowledge is in the spool.
 *
 * @throws {CollectorError} RECEIVE_LISTEN_FAILED
 */
export async function openDoors(
  context: PartContext,
  deps: { readonly spool: Spool; readonly authenticator: Authenticator },
): Promise<Doors> {
  const { config, clock, logger, registry, closers } = context;
  const intake = closers.add(
    "intake",
    new Intake({
      spool: deps.spool,
      limits: limitsOf(config.limits),
      clock,
      logger,
      registry,
    }),
  );
  const tls = config.tls && (await readTls(config.tls));
  const http = closers.add(
    "OTLP/HTTP",
    createOtlpHttpReceiver({
      intake,
      authorizer: deps.authenticator,
      routers: [zipkinRoutes(intake, deps.authenticator), lokiRoutes(intake, deps.authenticator)],
      tls,
      logger,
    }),
  );
  const grpc = closers.add(
    "OTLP/gRPC",
    createOtlpGrpcReceiver({ intake, authorizer: deps.authenticator, tls }),
  );
  const { otlp_http, otlp_grpc } = config.listen;
  return {
    intake,
    otlpHttp: { host: otlp_http.host, port: await http.listen(otlp_http) },
    otlpGrpc: { host: otlp_grpc.host, port: await grpc.listen(otlp_grpc) },
  };
}
