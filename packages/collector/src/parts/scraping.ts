import * as dns from "node:dns/promises";
import { createHttpGetter, ScrapeManager } from "../scrape/index.js";
import type { Spool } from "../spool/index.js";
import { VERSION } from "../version.js";
import type { PartContext } from "./parts.js";

/** Begins to scrape what `scrape_configs` names; what is scraped goes into the spool like everything else. */
export async function startScraping(
  { setup, config, env, clock, logger, registry, closers }: PartContext,
  spool: Spool,
): Promise<ScrapeManager> {
  const manager = closers.add(
    "scraping",
    new ScrapeManager({
      append: (record) => spool.append(record),
      http: createHttpGetter(`tocsin/${VERSION}`),
      dns,
      baseDir: setup.folder,
      env,
      clock,
      logger,
      registry,
    }),
  );
  await manager.apply(config.scrape_configs);
  return manager;
}
