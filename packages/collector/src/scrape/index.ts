export type { DnsResolver } from "./discovery/discovery.js";
export { createHttpGetter, type HttpGetter } from "./http-get.js";
export { ScrapeManager, type ScrapeManagerDeps } from "./scrape-manager.js";
