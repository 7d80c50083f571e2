import { createServer } from "node:http";
import type { Clock, Logger } from "@tocsin/model";
import { collectDefaultMetrics, Registry } from "prom-client";
import { createApp } from "./api/app.js";
import { type Address, listen } from "./api/listen.js";
import { Authenticator } from "./auth/authenticator.js";
import { readTokens } from "./auth/tokens.js";
import { isLoopback } from "./config/listen.js";
import type { CollectorConfig } from "./config/schema.js";
import { CollectorError } from "./errors.js";

export interface CollectorOptions {
  readonly config: CollectorConfig;
  /** Where everything that must survive a restart is kept. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A running collector. */
export interface Collector {
  /** The addresses it bound, with the ports that were given to it. */
  readonly bound: { readonly api: Address };
  /** Ends intake, lets what was accepted through, then stops. Callable twice. */
  close(): Promise<void>;
}

/**
 * Starts every part in the order in which data flows, and stops them in reverse.
 *
 * @throws {CollectorError} CONFIG_INVALID for an open address without a token; RECEIVE_LISTEN_FAILED
 */
export async function startCollector(options: CollectorOptions): Promise<Collector> {
  const { config, logger } = options;
  refuseOpenAddresses(config);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const authenticator = new Authenticator(await readTokens(config.auth));
  const app = createApp({
    authenticator,
    registry,
    readiness: () => [],
    logger,
    hosts: [...config.listen.hosts, config.listen.api.host],
    tocsin: [],
    prometheus: undefined,
    alertmanager: undefined,
    jaeger: undefined,
    writers: [],
  });
  const server = createServer(app);
  const port = await listen(server, config.listen.api, "page and APIs");
  let closing: Promise<void> | undefined;
  return {
    bound: { api: { host: config.listen.api.host, port } },
    close() {
      closing ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closing;
    },
  };
}

function refuseOpenAddresses(config: CollectorConfig): void {
  const { listen, auth } = config;
  if (listen.insecure || auth.tokens.length > 0) return;
  for (const name of ["otlp_http", "otlp_grpc", "api"] as const) {
    if (isLoopback(listen[name].host)) continue;
    throw new CollectorError(
      "CONFIG_INVALID",
      `listen.${name} is ${listen[name].host}:${listen[name].port}, which others can reach, but no token is configured. ` +
        "Add one under auth.tokens, or set listen.insecure: true if the network itself is trusted.",
    );
  }
}
