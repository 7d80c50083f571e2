import { formatDuration, parseDuration } from "@tocsin/model";
import { duration } from "@tocsin/model/config";
import { z } from "zod";

const threshold = z.union([z.string(), z.number()]);

/** Fields of the short form: one golden signal of one service against one limit. */
export const SignalRule = z.object({
  signal: z
    .enum(["errors", "latency", "traffic", "saturation"])
    .optional()
    .describe("Short form without PromQL: the golden signal to watch."),
  service: z.string().min(1).optional().describe("Whose signal; needed with signal."),
  environment: z.string().optional(),
  over: threshold
    .optional()
    .describe(
      "Limit: a ratio for errors and saturation (5%), a time for latency (300ms), a rate per second for traffic (100).",
    ),
  under: threshold.optional().describe("Lower limit; for traffic."),
  quantile: z.number().gt(0).lt(1).optional().describe("Of latency: 0.5, 0.95 (default) or 0.99."),
  window: duration()
    .optional()
    .describe("How far back is counted; default 5m. Latency is the mean of its quantile minute by minute."),
});
export type SignalRule = z.output<typeof SignalRule>;

/** A fault of a short rule: which of its fields, and what is wrong. */
export interface SignalFault {
  readonly key: string;
  readonly problem: string;
}

/** The PromQL that a short rule stands for, over the series that the collector computes for every service. */
export function signalExpression(rule: SignalRule): string | SignalFault {
  const { signal, service } = rule;
  if (service === undefined) return { key: "signal", problem: "signal needs service: whose signal is it?" };
  if ((rule.over === undefined) === (rule.under === undefined))
    return { key: "signal", problem: "signal needs exactly one of over and under." };
  const key = rule.over === undefined ? "under" : "over";
  const limit = readLimit(signal, rule.over ?? rule.under ?? 0);
  if (limit === undefined)
    return {
      key,
      problem: `"${rule.over ?? rule.under}" is no limit for ${signal}. Write ${EXAMPLES[signal ?? "errors"]}.`,
    };
  if (signal === "latency" && rule.quantile !== undefined && !LATENCY_QUANTILES.includes(rule.quantile))
    return {
      key: "quantile",
      problem: `the latency of services is known at the quantiles ${LATENCY_QUANTILES.join(", ")}, not at ${rule.quantile}.`,
    };
  const selector = `{service=${JSON.stringify(service)}${rule.environment === undefined ? "" : `, environment=${JSON.stringify(rule.environment)}`}}`;
  const window = formatDuration(rule.window ?? 300_000);
  return `${signalValue(rule, selector, window)} ${key === "over" ? ">" : "<"} ${limit}`;
}

function signalValue({ signal, quantile = 0.95 }: SignalRule, selector: string, window: string): string {
  const rate = (name: string): string =>
    `sum by (service) (rate(tocsin_service_${name}${selector}[${window}]))`;
  switch (signal) {
    case "latency":
      return `max by (service) (avg_over_time(tocsin_service_latency_seconds${`${selector.slice(0, -1)}, quantile="${quantile}"}`}[${window}]))`;
    case "traffic":
      return rate("requests_total");
    case "saturation":
      return `max by (service) (max_over_time(tocsin_service_saturation_ratio${selector}[${window}]))`;
    default:
      return `${rate("errors_total")} / ${rate("requests_total")}`;
  }
}

/** The quantiles that the collector publishes for every service. */
const LATENCY_QUANTILES: readonly number[] = [0.5, 0.95, 0.99];

const EXAMPLES = {
  errors: "5% or 0.05",
  latency: "300ms",
  traffic: "100 (requests per second)",
  saturation: "90%",
};

function readLimit(signal: SignalRule["signal"], written: string | number): number | undefined {
  const text = String(written).trim();
  if (signal === "latency") {
    try {
      return parseDuration(text) / 1_000;
    } catch {
      return undefined;
    }
  }
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  const value = percent ? Number(`${percent[1]}e-2`) : Number(text);
  if (!Number.isFinite(value) || value < 0 || (signal === "traffic" && percent)) return undefined;
  return signal !== "traffic" && value > 1 ? undefined : value;
}

/** What the alert says when the rule gives no summary of its own. */
export function signalSummary(rule: SignalRule): string {
  const limit = rule.over === undefined ? `under ${rule.under}` : `over ${rule.over}`;
  const what =
    rule.signal === "latency" ? `p${Math.round((rule.quantile ?? 0.95) * 1_000) / 10} latency` : rule.signal;
  const value = {
    errors: "humanizePercentage",
    latency: "humanizeDuration",
    traffic: "humanize",
    saturation: "humanizePercentage",
  }[rule.signal ?? "errors"];
  return `${what} of ${rule.service} is ${limit} ({{ $value | ${value} }})`;
}
