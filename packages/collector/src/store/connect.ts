import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Logger } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import { EngineSupervisor } from "./engine/supervisor.js";
import type { SqlEndpoint } from "./sql.js";
import type { StoreOptions } from "./store.js";

/**
 * Starts the engine, or names the servers.
 *
 * @throws {CollectorError} STORE_ENGINE_UNAVAILABLE with the cure; CONFIG_UNREADABLE for a password file
 */
export async function connect(
  options: Pick<StoreOptions, "config" | "dataDir">,
  clock: Clock,
  logger: Logger,
): Promise<{ engine: EngineSupervisor | undefined; endpoints: (() => SqlEndpoint | undefined)[] }> {
  const { config } = options;
  if (typeof config === "object" && "clickhouse" in config) {
    const { url, username, password, password_file, database } = config.clickhouse;
    const secret = password_file === undefined ? password?.reveal() : await readPassword(password_file);
    const endpoints = url.map((one) => ({ url: one, username, password: secret ?? "", database }));
    return { engine: undefined, endpoints: endpoints.map((endpoint) => () => endpoint) };
  }
  const engine = await EngineSupervisor.start({
    directory: join(options.dataDir, "store"),
    clock,
    logger,
    ...(typeof config === "object" && { maxMemoryBytes: config.embedded.memory }),
  });
  return { engine, endpoints: [() => engine.endpoint] };
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    throw new CollectorError("CONFIG_UNREADABLE", `Cannot read the store's password file ${file}.`, {
      cause: error,
    });
  }
}

export function isEmbedded(config: StoreOptions["config"]): boolean {
  return typeof config === "string" || "embedded" in config;
}

export function clusterOf(config: StoreOptions["config"]): string | undefined {
  return typeof config === "object" && "clickhouse" in config ? config.clickhouse.cluster : undefined;
}
