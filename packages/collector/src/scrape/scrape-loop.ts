import { type Cancel, type Clock, type Logger, messageOf, TocsinError, type UnixMs } from "@tocsin/model";
import type { ActiveTargetJson } from "../api/prometheus/rules-view.js";
import type { AppendSamples } from "../remote-write/receive-routes.js";
import { type WireSeries, writeWriteRequest } from "../remote-write/write-request-writer.js";
import type { ScrapeConfig } from "./config.js";
import { type ExpositionFormat, parseExposition } from "./exposition.js";
import type { HttpGetter } from "./http-get.js";
import { PageSeries } from "./page-series.js";
import type { Relabel } from "./relabel.js";
import type { ScrapeMetrics } from "./scrape-metrics.js";
import { scrapeOffsetMs, type Target } from "./target.js";

export interface ScrapeDeps {
  readonly append: AppendSamples;
  readonly http: HttpGetter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ScrapeMetrics;
}

/** The settings of a job that its loops follow; a reload may change them. */
export interface JobSettings {
  readonly config: ScrapeConfig;
  readonly relabelMetrics: Relabel;
}

/** A scrape this little late is written down as on time: even times cost no memory. */
const TOLERANCE_MS = 10;

const ACCEPT =
  "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";

/** Scrapes one target again and again until it is stopped. */
export class ScrapeLoop {
  readonly target: Target;
  readonly #deps: ScrapeDeps;
  readonly #series: PageSeries;
  readonly #stopping = new AbortController();
  #settings: JobSettings;
  #cancel: Cancel | undefined;
  #scraping: Promise<void> = Promise.resolve();
  #health: ActiveTargetJson["health"] = "unknown";
  #lastError = "";
  #lastScrapeMs: UnixMs | undefined;
  #lastDurationMs = 0;

  constructor(target: Target, settings: JobSettings, deps: ScrapeDeps) {
    this.target = target;
    this.#settings = settings;
    this.#deps = deps;
    this.#series = new PageSeries(target.labels);
  }

  start(): void {
    const { intervalMs } = this.target;
    const nowMs = this.#deps.clock.now();
    const offsetMs = scrapeOffsetMs(this.target);
    let dueMs = Math.floor((nowMs - offsetMs) / intervalMs) * intervalMs + offsetMs + intervalMs;
    const wait = (): void => {
      this.#cancel = this.#deps.clock.after(dueMs - this.#deps.clock.now(), () => {
        const scheduledMs = dueMs;
        this.#scraping = this.#scrape(scheduledMs).finally(() => {
          if (this.#stopping.signal.aborted) return;
          // A scrape that outlasts its interval skips turns instead of piling them up.
          while (dueMs <= this.#deps.clock.now()) dueMs += intervalMs;
          wait();
        });
      });
    };
    wait();
  }

  /** Takes over settings of a reloaded job. */
  use(settings: JobSettings): void {
    this.#settings = settings;
  }

  /** @param endsSeries whether the target is gone, so that its series get staleness markers; not when we stop */
  async stop(endsSeries: boolean): Promise<void> {
    this.#cancel?.();
    this.#stopping.abort();
    await this.#scraping;
    if (!endsSeries || this.#lastScrapeMs === undefined) return;
    const timeMs = Math.max(this.#deps.clock.now(), this.#lastScrapeMs + 1);
    await this.#write([...this.#series.fail(timeMs), ...this.#report(timeMs, undefined)], []);
  }

  view(): ActiveTargetJson {
    const { target } = this;
    return {
      discoveredLabels: target.discoveredLabels,
      labels: target.labels,
      scrapePool: target.scrapePool,
      scrapeUrl: target.url,
      globalUrl: target.url,
      lastError: this.#lastError,
      lastScrape: this.#lastScrapeMs === undefined ? NEVER : new Date(this.#lastScrapeMs).toISOString(),
      lastScrapeDuration: this.#lastDurationMs / 1_000,
      health: this.#health,
      scrapeInterval: target.discoveredLabels.__scrape_interval__ ?? "",
      scrapeTimeout: target.discoveredLabels.__scrape_timeout__ ?? "",
    };
  }

  async #scrape(scheduledMs: UnixMs): Promise<void> {
    const { clock, metrics } = this.#deps;
    const beganMs = clock.now();
    const timeMs = beganMs - scheduledMs <= TOLERANCE_MS ? scheduledMs : beganMs;
    const job = this.target.scrapePool;
    try {
      const { contentType, body } = await this.#fetch();
      const page = parseExposition(body.toString("utf8"), formatOf(contentType));
      const { config, relabelMetrics } = this.#settings;
      const result = this.#series.take(page, config, relabelMetrics, timeMs);
      this.#done(timeMs, clock.now() - beganMs, "");
      const report = { up: 1, scraped: result.scraped, kept: result.kept, added: result.added };
      await this.#write([...result.series, ...this.#report(timeMs, report)], result.metadata);
      metrics.scrapes.inc({ job, outcome: "ok" });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#done(timeMs, clock.now() - beganMs, messageOf(error));
      metrics.scrapes.inc({ job, outcome: error instanceof TocsinError ? error.code : "other" });
      const report = { up: 0, scraped: 0, kept: 0, added: 0 };
      await this.#write([...this.#series.fail(timeMs), ...this.#report(timeMs, report)], []);
    }
  }

  #fetch() {
    const { config } = this.#settings;
    return this.#deps.http.get({
      url: this.target.url,
      headers: {
        accept: ACCEPT,
        "x-prometheus-scrape-timeout-seconds": String(this.target.timeoutMs / 1_000),
      },
      access: config,
      timeoutMs: this.target.timeoutMs,
      maxBytes: config.body_size_limit,
      acceptsGzip: config.enable_compression,
      signal: this.#stopping.signal,
    });
  }

  #done(timeMs: UnixMs, durationMs: number, error: string): void {
    if (error !== "" && this.#health !== "down") {
      this.#deps.logger.warn({ job: this.target.scrapePool, url: this.target.url, error }, "scrape failed");
    }
    this.#lastScrapeMs = timeMs;
    this.#lastDurationMs = durationMs;
    this.#lastError = error;
    this.#health = error === "" ? "up" : "down";
  }

  /** The series about the scrape itself; markers where there is no report. */
  #report(
    timeMs: UnixMs,
    report: { up: number; scraped: number; kept: number; added: number } | undefined,
  ): WireSeries[] {
    const one = (name: string, value: number | undefined): WireSeries => ({
      labels: { ...this.target.labels, __name__: name },
      samples: [{ timeMs, value: value ?? "stale" }],
    });
    return [
      one("up", report?.up),
      one("scrape_duration_seconds", report && this.#lastDurationMs / 1_000),
      one("scrape_samples_scraped", report?.scraped),
      one("scrape_samples_post_metric_relabeling", report?.kept),
      one("scrape_series_added", report?.added),
    ];
  }

  async #write(
    series: readonly WireSeries[],
    metadata: Parameters<typeof writeWriteRequest>[1],
  ): Promise<void> {
    const { append, clock, logger, metrics } = this.#deps;
    try {
      const body = writeWriteRequest(series, metadata);
      await append({ signal: "samples", body, receivedAtMs: clock.now() });
      metrics.samples.inc(series.length);
    } catch (error) {
      metrics.lost.inc(series.length);
      logger.debug(
        { job: this.target.scrapePool, error: messageOf(error) },
        "scraped samples were not taken",
      );
    }
  }
}

/** How Prometheus writes "not yet". */
const NEVER = "0001-01-01T00:00:00Z";

function formatOf(contentType: string): ExpositionFormat {
  return contentType.includes("application/openmetrics-text") ? "openmetrics" : "text";
}
