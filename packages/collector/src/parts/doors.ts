import type { Address } from "../api/listen.js";
import type { Authenticator } from "../auth/authenticator.js";
import { createOtlpHttpReceiver, Intake } from "../receive/index.js";
import type { Spool } from "../spool/index.js";
import type { PartContext } from "./parts.js";

/** Where telemetry comes in. */
export interface Doors {
  readonly intake: Intake;
  readonly otlpHttp: Address;
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
  const { limits } = config;
  const intake = closers.add(
    "intake",
    new Intake({
      spool: deps.spool,
      limits: {
        maxRequestBytes: limits.max_request_size,
        maxInFlightBytes: limits.max_in_flight,
        maxInFlightBytesPerSender: limits.max_in_flight_per_sender,
        maxConnections: limits.max_connections,
        retryAfterSeconds: limits.retry_after,
      },
      clock,
      logger,
      registry,
    }),
  );
  const http = closers.add(
    "OTLP/HTTP",
    createOtlpHttpReceiver({
      intake,
      authorizer: deps.authenticator,
      logger,
    }),
  );
  const { host } = config.listen.otlp_http;
  return { intake, otlpHttp: { host, port: await http.listen(config.listen.otlp_http) } };
}
