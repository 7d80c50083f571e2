import type { ScrapeConfig } from "../config.js";
import { type Discovery, groupTargets } from "./discovery.js";

/** Targets as written in the configuration. */
export function staticDiscovery(groups: ScrapeConfig["static_configs"]): Discovery {
  const targets = groupTargets(groups);
  return { name: "static", refreshMs: Number.POSITIVE_INFINITY, find: async () => targets };
}
