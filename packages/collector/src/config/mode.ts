import { z } from "zod";

export const Mode = z.enum(["standalone", "sidecar", "gateway"]);
export type Mode = z.infer<typeof Mode>;

/** Parts that not every collector has; their code is loaded only where they are started. */
export interface Parts {
  /** Recent series, PromQL, SLOs, rules, alerts and actions, their APIs and the page. */
  readonly watch: boolean;
  /** Traces, logs and history, and their APIs; `store: none` leaves them out in every mode. */
  readonly store: boolean;
  /** Fetching metrics from targets. */
  readonly scraping: boolean;
}

/** `configured`: started when the configuration has one of the part's keys. */
type Start = "always" | "configured" | "never";

/**
 * What each mode starts, beside what every collector has: intake over OTLP/HTTP and gRPC (Zipkin, Loki), the spool, golden
 * signals, their API, health and `/metrics`. Forwarding and remote write start in every mode when they have a target.
 */
const STARTS: Readonly<Record<Mode, Readonly<Record<keyof Parts, Start>>>> = {
  standalone: { watch: "always", store: "always", scraping: "always" },
  gateway: { watch: "always", store: "always", scraping: "always" },
  sidecar: { watch: "configured", store: "never", scraping: "configured" },
};

/** The keys of `tocsin.yaml` that ask for a part. */
const KEYS: Readonly<Record<keyof Parts, readonly string[]>> = {
  watch: ["metrics", "evaluation_interval", "slos", "slo_files", "rule_files", "alerting", "actions"],
  store: ["store"],
  scraping: ["scrape_configs"],
};

/**
 * What a collector is made of.
 *
 * @param keys the top-level keys of its configuration
 * @param running parts that run already: a reload that no longer asks for one leaves it there, with nothing to do
 */
export function partsOf(mode: Mode, keys: readonly string[], running?: Parts): Parts {
  const isWanted = (part: keyof Parts): boolean => {
    const start = STARTS[mode][part];
    if (start === "configured")
      return running?.[part] === true || KEYS[part].some((key) => keys.includes(key));
    return start === "always";
  };
  return { watch: isWanted("watch"), store: isWanted("store"), scraping: isWanted("scraping") };
}
