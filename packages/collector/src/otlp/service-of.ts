import { readEnvelope } from "./envelope.js";
import { asBuffer, WireReader } from "./wire.js";

/**
 * `service.name` of a request's first resource, for messages about the request; "unknown_service" where there is none.
 *
 * @throws {CollectorError} OTLP_MALFORMED
 */
export function serviceOfRequest(body: Uint8Array): string {
  const reader = new WireReader(asBuffer(body));
  const { resources } = readEnvelope(reader, (end) => {
    reader.pos = end;
  });
  return resources[0]?.serviceName ?? "unknown_service";
}
