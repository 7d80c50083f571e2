import { CollectorError } from "../errors.js";
import { isLoopback } from "./listen.js";
import type { CollectorConfig } from "./schema.js";

/**
 * An address that others reach must be guarded: by tokens, the OTLP ports also by certificates asked of senders, or by
 * somebody's explicit word that the network itself is trusted.
 *
 * @throws {CollectorError} CONFIG_INVALID, naming the first that is not
 */
export function refuseOpenAddresses({ listen, auth, tls }: CollectorConfig): void {
  if (listen.insecure || auth.tokens.length > 0) return;
  for (const name of ["otlp_http", "otlp_grpc", "api"] as const) {
    if (isLoopback(listen[name].host)) continue;
    if (name !== "api" && tls?.client_ca_file !== undefined) continue;
    const where = `listen.${name} is ${listen[name].host}:${listen[name].port}, which others can reach, but`;
    throw new CollectorError(
      "CONFIG_INVALID",
      name === "api"
        ? `${where} no token is configured. Add one under auth.tokens, or set listen.insecure: true if the network itself is trusted.`
        : `${where} neither a token nor tls.client_ca_file is configured. Add a token under auth.tokens, ask senders for certificates, or set listen.insecure: true if the network itself is trusted.`,
    );
  }
}

/**
 * Whether a certificate alone lets a sender in: certificates are asked for, and no token is for writing. With such a
 * token both are needed.
 */
export function certificatesSuffice({ auth, tls }: Pick<CollectorConfig, "auth" | "tls">): boolean {
  return tls?.client_ca_file !== undefined && !auth.tokens.some(({ can }) => can.includes("write"));
}
