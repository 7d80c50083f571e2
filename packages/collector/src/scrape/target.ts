import { createHash } from "node:crypto";
import { formatDuration, type Labels, labelsKey, parseDuration } from "@tocsin/model";
import type { ScrapeConfig } from "./config.js";
import type { Relabel } from "./relabel.js";

/** Something to scrape. */
export interface Target {
  /** Equal for equal targets; a changed target is another one. */
  readonly key: string;
  readonly scrapePool: string;
  /** Labels as discovered, before relabelling. */
  readonly discoveredLabels: Labels;
  /** Labels of every series of the target, `job` and `instance` among them. */
  readonly labels: Labels;
  readonly url: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** A discovered target that relabelling dropped. */
export interface DroppedTarget {
  readonly scrapePool: string;
  readonly discoveredLabels: Labels;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Makes targets of discovered labels: the job's settings become `__…` labels, which relabelling may change, and what
 * is left of them becomes the URL and the times.
 */
export function makeTarget(
  discovered: Labels,
  config: ScrapeConfig,
  relabel: Relabel,
): { target: Target } | { dropped: DroppedTarget } {
  const discoveredLabels = { ...settings(config), ...discovered };
  const dropped = { dropped: { scrapePool: config.job_name, discoveredLabels } };
  const relabelled = relabel(discoveredLabels);
  const address = relabelled?.__address__ ?? "";
  if (relabelled === undefined || address === "") return dropped;
  const url = targetUrl(relabelled, address);
  if (url === undefined) return dropped;
  const intervalMs = parseDuration(relabelled.__scrape_interval__ ?? "15s");
  const timeoutMs = Math.min(parseDuration(relabelled.__scrape_timeout__ ?? "10s"), intervalMs);
  if (intervalMs <= 0 || timeoutMs <= 0) return dropped;
  const own = Object.entries(relabelled).filter(([name, value]) => !name.startsWith("__") && value !== "");
  const labels = { instance: address, ...Object.fromEntries(own) };
  const key = `${config.job_name}\u0001${url}\u0001${intervalMs}\u0001${timeoutMs}\u0001${labelsKey(labels)}`;
  return {
    target: { key, scrapePool: config.job_name, discoveredLabels, labels, url, intervalMs, timeoutMs },
  };
}

/** When in the interval a target's turn is: spread by its identity, the same after a restart. */
export function scrapeOffsetMs(target: Target): number {
  const digest = createHash("sha256").update(target.key).digest();
  return digest.readUInt32BE(0) % Math.max(1, target.intervalMs);
}

function settings(config: ScrapeConfig): Record<string, string> {
  const timeoutMs = config.scrape_timeout ?? Math.min(DEFAULT_TIMEOUT_MS, config.scrape_interval);
  const labels: Record<string, string> = {
    job: config.job_name,
    __scheme__: config.scheme,
    __metrics_path__: config.metrics_path,
    __scrape_interval__: formatDuration(config.scrape_interval),
    __scrape_timeout__: formatDuration(timeoutMs),
  };
  for (const [name, values] of Object.entries(config.params)) {
    if (values.length > 0) labels[`__param_${name}`] = values[0];
  }
  return labels;
}

function targetUrl(labels: Labels, address: string): string | undefined {
  const path = labels.__metrics_path__ ?? "/metrics";
  const text = `${labels.__scheme__ ?? "http"}://${address}${path.startsWith("/") ? path : `/${path}`}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  for (const [name, value] of Object.entries(labels)) {
    if (name.startsWith("__param_")) url.searchParams.set(name.slice("__param_".length), value);
  }
  return url.href;
}
