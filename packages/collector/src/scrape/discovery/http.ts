import { messageOf } from "@tocsin/model";
import { splitCredentials } from "../../config/http-auth.js";
import type { HttpSdConfig } from "../config.js";
import { ScrapeError } from "../errors.js";
import { type Discovery, type DiscoveryDeps, groupTargets } from "./discovery.js";
import { readTargetGroups } from "./target-groups.js";

const MAX_BYTES = 20_000_000;

/** Targets by asking an HTTP service for target groups in JSON. */
export function httpDiscovery(config: HttpSdConfig, { http }: DiscoveryDeps): Discovery {
  const { url } = splitCredentials(config.url);
  return {
    name: `http_sd ${new URL(config.url).host}`,
    refreshMs: config.refresh_interval,
    async find(signal) {
      const { body } = await http.get({
        url: config.url,
        headers: {
          accept: "application/json",
          "x-prometheus-refresh-interval-seconds": String(config.refresh_interval / 1_000),
        },
        access: config,
        timeoutMs: Math.min(config.refresh_interval, 30_000),
        maxBytes: MAX_BYTES,
        acceptsGzip: true,
        signal,
      });
      return groupTargets(readTargetGroups(parseJson(body, url), url), { __meta_url: url });
    },
  };
}

/** @throws {ScrapeError} SCRAPE_DISCOVERY */
export function parseJson(body: Buffer, source: string): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new ScrapeError("SCRAPE_DISCOVERY", `${source} did not answer with JSON: ${messageOf(error)}.`);
  }
}
