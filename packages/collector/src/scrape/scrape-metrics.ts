import { Counter, Gauge, type Registry } from "prom-client";

/** The scraper's own numbers. */
export interface ScrapeMetrics {
  readonly scrapes: Counter<"job" | "outcome">;
  readonly samples: Counter;
  readonly lost: Counter;
  readonly discoveryFailures: Counter<"job">;
}

/** Registers `tocsin_scrape_*`. */
export function scrapeMetrics(registry: Registry, targets: () => number): ScrapeMetrics {
  const registers = [registry];
  new Gauge({
    name: "tocsin_scrape_targets",
    help: "Targets being scraped.",
    registers,
    collect() {
      this.set(targets());
    },
  });
  return {
    scrapes: new Counter({
      name: "tocsin_scrape_scrapes_total",
      help: "Scrapes, by job and by what came of them: ok, or the error's code.",
      labelNames: ["job", "outcome"],
      registers,
    }),
    samples: new Counter({
      name: "tocsin_scrape_samples_total",
      help: "Samples scraped and made durable.",
      registers,
    }),
    lost: new Counter({
      name: "tocsin_scrape_samples_lost_total",
      help: "Samples scraped while the spool refused to take more.",
      registers,
    }),
    discoveryFailures: new Counter({
      name: "tocsin_scrape_discovery_failures_total",
      help: "Times that targets could not be found out; the last known ones are kept.",
      labelNames: ["job"],
      registers,
    }),
  };
}
