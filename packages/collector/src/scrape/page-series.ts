import { type Labels, labelsKey, type UnixMs } from "@tocsin/model";
import { formatFloat } from "@tocsin/promql";
import { metricTypeNumber } from "../remote-write/metric-types.js";
import { encodeLabels, type WireMetadata, type WireSeries } from "../remote-write/write-request-writer.js";
import type { ScrapeConfig } from "./config.js";
import { ScrapeError } from "./errors.js";
import { type ExposedSample, type Exposition, readSeriesText } from "./exposition.js";
import type { Relabel } from "./relabel.js";

/** The settings of a job that decide what a page's lines become. */
export type PageConfig = Pick<
  ScrapeConfig,
  | "honor_labels"
  | "honor_timestamps"
  | "sample_limit"
  | "label_limit"
  | "label_name_length_limit"
  | "label_value_length_limit"
>;

/** What a page became. */
export interface PageResult {
  readonly series: readonly WireSeries[];
  /** Families that are new or say something new. */
  readonly metadata: readonly WireMetadata[];
  /** Samples on the page. */
  readonly scraped: number;
  /** Samples left after relabelling. */
  readonly kept: number;
  /** Series that were not there at the last scrape. */
  readonly added: number;
}

interface KnownSeries {
  /** Undefined where relabelling dropped the series. */
  readonly labelBytes: Uint8Array | undefined;
  /** What the `_created` line of the same counter is found by. */
  readonly counterKey: string;
  readonly isCreated: boolean;
  /** Number of the scrape whose page had it last. */
  seenAt: number;
  /** Number of the scrape that it was written for last; pages over a limit are seen but not written. */
  writtenAt: number;
  /** Whether a staleness marker is due when it disappears: not for samples with times of their own. */
  marksEnd: boolean;
}

/**
 * The series of one target, from scrape to scrape: labels are read, relabelled and encoded once per series; what
 * disappears from the page gets a staleness marker.
 */
export class PageSeries {
  readonly #targetLabels: Labels;
  #known = new Map<string, KnownSeries>();
  #families = new Map<string, string>();
  #scrape = 0;
  /** Number of the last scrape that was written; what it had is what may disappear. */
  #lastWritten = 0;

  constructor(targetLabels: Labels) {
    this.#targetLabels = targetLabels;
  }

  /**
   * Turns a page into series to be written.
   *
   * @throws {ScrapeError} SCRAPE_LIMIT, SCRAPE_MALFORMED; then `fail` gives what is to be written instead
   */
  take(page: Exposition, config: PageConfig, relabel: Relabel, scrapedMs: UnixMs): PageResult {
    this.#scrape++;
    const starts = this.#starts(page, config, relabel);
    const series: WireSeries[] = [];
    const taken: KnownSeries[] = [];
    for (const sample of page.samples) {
      const known = this.#lookUp(sample, page, config, relabel);
      if (known.isCreated || known.labelBytes === undefined) continue;
      if (known.seenAt === this.#scrape) continue;
      known.seenAt = this.#scrape;
      taken.push(known);
      const ownTime = config.honor_timestamps ? sample.timeMs : undefined;
      known.marksEnd = ownTime === undefined;
      series.push({
        labels: known.labelBytes,
        samples: [{ timeMs: ownTime ?? scrapedMs, value: sample.value }],
        startMs: starts.get(known.counterKey) ?? 0,
        ...(sample.exemplar === undefined
          ? {}
          : { exemplars: [{ ...sample.exemplar, timeMs: sample.exemplar.timeMs ?? scrapedMs }] }),
      });
    }
    const kept = series.length;
    if (config.sample_limit > 0 && kept > config.sample_limit) {
      throw new ScrapeError(
        "SCRAPE_LIMIT",
        `The page has ${kept} samples, more than the sample_limit of ${config.sample_limit}.`,
      );
    }
    const added = taken.filter(({ writtenAt }) => writtenAt !== this.#lastWritten).length;
    for (const known of taken) known.writtenAt = this.#scrape;
    series.push(...this.#ended(scrapedMs));
    return { series, metadata: this.#news(page), scraped: page.samples.length, kept, added };
  }

  /** Ends every series: the scrape failed, or the target is gone. */
  fail(timeMs: UnixMs): readonly WireSeries[] {
    this.#scrape++;
    return this.#ended(timeMs);
  }

  /** Markers for what was there at the last scrape and is not now; forgets what has been away for long. */
  #ended(timeMs: UnixMs): WireSeries[] {
    const ended: WireSeries[] = [];
    for (const [text, known] of this.#known) {
      if (known.writtenAt === this.#lastWritten && known.marksEnd && known.labelBytes !== undefined) {
        ended.push({ labels: known.labelBytes, samples: [{ timeMs, value: "stale" }] });
      }
      if (known.seenAt < this.#scrape - 10) this.#known.delete(text);
    }
    this.#lastWritten = this.#scrape;
    return ended;
  }

  #lookUp(sample: ExposedSample, page: Exposition, config: PageConfig, relabel: Relabel): KnownSeries {
    const known = this.#known.get(sample.seriesText);
    if (known !== undefined) {
      // What was dropped is not seen again and must not be forgotten for that.
      if (known.labelBytes === undefined || known.isCreated) known.seenAt = this.#scrape;
      return known;
    }
    const exposed = readSeriesText(sample.seriesText);
    const isCreated = isCreatedLine(exposed, page);
    const labels = isCreated ? undefined : relabel(this.#merged(normalized(exposed, page), config));
    if (labels !== undefined) checkLimits(labels, config);
    const isKept = labels !== undefined && (labels.__name__ ?? "") !== "";
    const made: KnownSeries = {
      labelBytes: isKept ? encodeLabels(labels) : undefined,
      counterKey: counterKey(exposed),
      isCreated,
      seenAt: Number.NEGATIVE_INFINITY,
      writtenAt: Number.NEGATIVE_INFINITY,
      marksEnd: true,
    };
    this.#known.set(sample.seriesText, made);
    if (!isKept) made.seenAt = this.#scrape;
    return made;
  }

  /** The target's labels win unless the job honours the page's; the loser is kept as `exported_…`. */
  #merged(exposed: Labels, { honor_labels }: PageConfig): Labels {
    const labels: Record<string, string> = { ...exposed };
    for (const [name, value] of Object.entries(this.#targetLabels)) {
      const own = labels[name];
      if (honor_labels) {
        if (own === undefined) labels[name] = value;
        continue;
      }
      if (own !== undefined && own !== "") {
        let exported = `exported_${name}`;
        while (labels[exported] !== undefined) exported = `exported_${exported}`;
        labels[exported] = own;
      }
      labels[name] = value;
    }
    return labels;
  }

  /** When counters began, from the `_created` lines of OpenMetrics. */
  #starts(page: Exposition, config: PageConfig, relabel: Relabel): ReadonlyMap<string, UnixMs> {
    const starts = new Map<string, UnixMs>();
    for (const sample of page.samples) {
      if (!sample.seriesText.includes("_created")) continue;
      const known = this.#lookUp(sample, page, config, relabel);
      if (known.isCreated && sample.value > 0) starts.set(known.counterKey, Math.round(sample.value * 1_000));
    }
    return starts;
  }

  #news(page: Exposition): WireMetadata[] {
    const news: WireMetadata[] = [];
    for (const [family, { type, help, unit }] of page.families) {
      const said = `${type}\u0001${unit}\u0001${help}`;
      if (this.#families.get(family) === said) continue;
      this.#families.set(family, said);
      news.push({ name: family, type: metricTypeNumber(type), help, unit });
    }
    return news;
  }
}

const COUNTER_SUFFIX = /_(?:total|count|sum|bucket|created)$/;

function counterKey(labels: Labels): string {
  const { __name__: name = "", le: _le, quantile: _quantile, ...rest } = labels;
  return `${name.replace(COUNTER_SUFFIX, "")}\u0003${labelsKey(rest)}`;
}

/** Only OpenMetrics pages have families whose `_created` lines are not metrics of their own. */
function isCreatedLine({ __name__: name = "" }: Labels, page: Exposition): boolean {
  if (!name.endsWith("_created") || page.families.has(name)) return false;
  const type = page.families.get(name.slice(0, -"_created".length))?.type;
  return type === "counter" || type === "histogram" || type === "summary";
}

/** `le="1"` and `le="1.0"` are one bucket: bounds of histograms and summaries are written as OpenMetrics does. */
function normalized(labels: Labels, page: Exposition): Labels {
  const name = labels.__name__ ?? "";
  const { le, quantile } = labels;
  if (le !== undefined && page.families.get(name.replace(/_bucket$/, ""))?.type === "histogram") {
    return { ...labels, le: boundText(le) };
  }
  if (quantile !== undefined && page.families.get(name)?.type === "summary") {
    return { ...labels, quantile: boundText(quantile) };
  }
  return labels;
}

function boundText(text: string): string {
  if (text.trim() === "" || !Number.isFinite(Number(text))) return text;
  const plain = formatFloat(Number(text));
  return /^-?\d+$/.test(plain) ? `${plain}.0` : plain;
}

function checkLimits(labels: Labels, config: PageConfig): void {
  const names = Object.keys(labels);
  const fail = (what: string, limit: string) => {
    throw new ScrapeError(
      "SCRAPE_LIMIT",
      `The series ${labels.__name__} has ${what}, more than the ${limit}.`,
    );
  };
  if (config.label_limit > 0 && names.length > config.label_limit) {
    fail(`${names.length} labels`, `label_limit of ${config.label_limit}`);
  }
  for (const name of names) {
    if (config.label_name_length_limit > 0 && name.length > config.label_name_length_limit) {
      fail(
        `a label name of ${name.length} characters`,
        `label_name_length_limit of ${config.label_name_length_limit}`,
      );
    }
    const { length } = labels[name];
    if (config.label_value_length_limit > 0 && length > config.label_value_length_limit) {
      fail(
        `a label value of ${length} characters`,
        `label_value_length_limit of ${config.label_value_length_limit}`,
      );
    }
  }
}
