import { type Clock, systemClock } from "@tocsin/model";
import { maskOf } from "@tocsin/model/config";
import { revealHeaders } from "../config/http-auth.js";
import type { ForwardConfig } from "./config.js";
import type { Endpoint, EndpointOptions } from "./endpoint.js";
import { Forwarder, type ForwarderOptions } from "./forwarder.js";
import { grpcEndpoint } from "./grpc-endpoint.js";
import { httpEndpoint } from "./http-endpoint.js";
import { readClientTls } from "./tls.js";

/** The endpoint of an address: http(s):// or grpc(s)://. */
export function createEndpoint(address: string, clock: Clock, options: EndpointOptions = {}): Endpoint {
  const url = new URL(address);
  return url.protocol.startsWith("grpc") ? grpcEndpoint(url, options) : httpEndpoint(url, clock, options);
}

/**
 * A forwarder as the configuration wants it; it begins at once.
 *
 * @throws {CollectorError} CONFIG_UNREADABLE, CONFIG_INVALID for a certificate that cannot be read
 */
export async function createForwarder(
  config: ForwardConfig,
  options: Omit<ForwarderOptions, "endpoints" | "maxRequestBytes" | "maxBackoffMs">,
): Promise<Forwarder> {
  const tls = await readClientTls(config.tls);
  const endpointOptions = {
    headers: revealHeaders(config.headers),
    compression: config.compression,
    timeoutMs: config.timeout,
    tls,
    mask: maskOf(config),
  };
  const clock = options.clock ?? systemClock;
  return new Forwarder({
    ...options,
    endpoints: config.endpoints.map((address) => createEndpoint(address, clock, endpointOptions)),
    maxRequestBytes: config.max_request_size,
    maxBackoffMs: config.max_backoff,
  });
}
