import type { Address } from "../api/listen.js";
import type { Authenticator } from "../auth/authenticator.js";
import { certificatesSuffice } from "../config/open-address.js";
import type { CollectorConfig } from "../config/schema.js";
import {
  anyoneMayWrite,
  createOtlpGrpcReceiver,
  createOtlpHttpReceiver,
  Intake,
  limitsOf,
  lokiRoutes,
  readTls,
  type SeriesGate,
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

/** A sidecar reads fewer requests at once: the others wait, and nothing is lost by it. */
const SIDECAR_IN_FLIGHT_BYTES = 16 * 1024 * 1024;

function inFlightOf({ mode, limits }: CollectorConfig): number {
  return mode === "sidecar" ? Math.min(limits.max_in_flight, SIDECAR_IN_FLIGHT_BYTES) : limits.max_in_flight;
}

/**
 * Opens the ports for telemetry. What they acknowledge is in the spool.
 *
 * @throws {CollectorError} RECEIVE_LISTEN_FAILED
 */
export async function openDoors(
  context: PartContext,
  deps: {
    readonly spool: Spool;
    readonly authenticator: Authenticator;
    readonly gate: SeriesGate | undefined;
  },
): Promise<Doors> {
  const { config, clock, logger, registry, closers } = context;
  const intake = closers.add(
    "intake",
    new Intake({
      spool: deps.spool,
      backpressure: deps.spool,
      gate: deps.gate,
      limits: limitsOf({ ...config.limits, max_in_flight: inFlightOf(config) }),
      clock,
      logger,
      registry,
    }),
  );
  const tls = config.tls && (await readTls(config.tls));
  const authorizer = certificatesSuffice(config) ? anyoneMayWrite : deps.authenticator;
  /** What was bound, so that each port can send on to the other who came to it by mistake. */
  const bound: { http?: number; grpc?: number } = {};
  const http = closers.add(
    "OTLP/HTTP",
    createOtlpHttpReceiver({
      intake,
      authorizer,
      routers: [zipkinRoutes(intake, authorizer), lokiRoutes(intake, authorizer)],
      tls,
      grpcPort: () => bound.grpc,
      logger,
    }),
  );
  const grpc = closers.add(
    "OTLP/gRPC",
    createOtlpGrpcReceiver({ intake, authorizer, tls, httpPort: () => bound.http }),
  );
  const { otlp_http, otlp_grpc } = config.listen;
  bound.http = await http.listen(otlp_http);
  bound.grpc = await grpc.listen(otlp_grpc);
  return {
    intake,
    otlpHttp: { host: otlp_http.host, port: bound.http },
    otlpGrpc: { host: otlp_grpc.host, port: bound.grpc },
  };
}
