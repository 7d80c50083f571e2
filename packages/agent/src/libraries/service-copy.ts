import { createRequire } from "node:module";

/**
 * A library that the agent depends on and the service may use as well, loaded when asked for: a service that uses neither
 * should not pay for them. The service's own copy comes first.
 */
export function serviceCopy(name: "pino" | "prom-client"): unknown {
  for (const from of [`${process.cwd()}/`, import.meta.url])
    try {
      return createRequire(from)(name);
    } catch {
      // Not installed there; the agent's own dependency is.
    }
  throw new Error(`${name} could not be loaded; reinstall @tocsin/agent.`);
}
