import { CollectorError } from "../errors.js";
import { isLoopback } from "./listen.js";
import type { CollectorConfig } from "./schema.js";

/** An address that others reach and nothing guards. */
interface OpenAddress {
  readonly name: "otlp_http" | "otlp_grpc" | "api";
  /** What is wrong, and the cures. */
  readonly message: string;
}

/**
 * The first address that others reach and nothing guards: tokens do, for the OTLP ports also certificates asked of senders,
 * or somebody's explicit word that the network itself is trusted.
 */
export function openAddress({ listen, auth, tls }: CollectorConfig): OpenAddress | undefined {
  if (listen.insecure || auth.tokens.length > 0) return undefined;
  for (const name of ["otlp_http", "otlp_grpc", "api"] as const) {
    if (isLoopback(listen[name].host)) continue;
    if (name !== "api" && tls?.client_ca_file !== undefined) continue;
    const where = `listen.${name} is ${listen[name].host}:${listen[name].port}, which others can reach, but`;
    const message =
      name === "api"
        ? `${where} no token is configured. Add one under auth.tokens, or set listen.insecure: true if the network itself is trusted.`
        : `${where} neither a token nor tls.client_ca_file is configured. Add a token under auth.tokens, ask senders for certificates, or set listen.insecure: true if the network itself is trusted.`;
    return { name, message };
  }
  return undefined;
}

/** @throws {CollectorError} CONFIG_INVALID for an open address */
export function refuseOpenAddresses(config: CollectorConfig): void {
  const open = openAddress(config);
  if (open) throw new CollectorError("CONFIG_INVALID", open.message);
}

/**
 * Whether a certificate alone lets a sender in: certificates are asked for, and no token is for writing. With such a
 * token both are needed.
 */
export function certificatesSuffice({ auth, tls }: Pick<CollectorConfig, "auth" | "tls">): boolean {
  return tls?.client_ca_file !== undefined && !auth.tokens.some(({ can }) => can.includes("write"));
}
