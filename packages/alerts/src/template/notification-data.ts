import type { Labels } from "@tocsin/model";
import type { Notification, NotifiedAlert } from "../notify/notifier.js";
import { asText, queryEscape } from "./builtins.js";
import type { TemplateFunction } from "./execute.js";
import { GoTime, ZERO_TIME_MS } from "./go-time.js";
import { formatValue } from "./printf.js";
import { humanizeDuration, numberOf, TEXT_FUNCTIONS } from "./text-functions.js";
import { duration, time } from "./time-value.js";
import { kindOf, textOf, withMethods } from "./value.js";

/** What templates of notifications see: Alertmanager's data, name for name. */
export function notificationData(notification: Notification): Record<string, unknown> {
  const alerts = notification.alerts.map(alertData);
  return {
    Receiver: notification.receiver,
    Status: notification.status,
    Alerts: withMethods(alerts, {
      Firing: () => alerts.filter((alert) => alert.Status === "firing"),
      Resolved: () => alerts.filter((alert) => alert.Status === "resolved"),
    }),
    GroupLabels: kv(notification.groupLabels),
    CommonLabels: kv(notification.commonLabels),
    CommonAnnotations: kv(notification.commonAnnotations),
    ExternalURL: notification.externalUrl,
    GroupKey: notification.groupKey,
    TruncatedAlerts: 0n,
  };
}

function alertData(alert: NotifiedAlert) {
  return {
    Status: alert.status,
    Labels: kv(alert.labels),
    Annotations: kv(alert.annotations),
    StartsAt: time(alert.startsAtMs),
    EndsAt: time(alert.endsAtMs ?? ZERO_TIME_MS),
    GeneratorURL: alert.generatorUrl,
    Fingerprint: alert.fingerprint,
  };
}

type Pair = { Name: string; Value: string };

/** Alertmanager's KV: a map with methods. */
export function kv(labels: Labels): Map<string, string> {
  const pairs = (): Pair[] & object => {
    // The alert's name comes first, as Alertmanager sorts it.
    const names = Object.keys(labels).sort();
    const ordered = names.includes("alertname")
      ? ["alertname", ...names.filter((name) => name !== "alertname")]
      : names;
    return pairList(ordered.map((name) => ({ Name: name, Value: labels[name] ?? "" })));
  };
  return withMethods(new Map(Object.entries(labels)), {
    SortedPairs: pairs,
    Names: () => pairs().map((pair) => pair.Name),
    Values: () => pairs().map((pair) => pair.Value),
    Remove: (names: unknown) => {
      const dropped = new Set((Array.isArray(names) ? names : [names]).map(textOf));
      return kv(Object.fromEntries(Object.entries(labels).filter(([name]) => !dropped.has(name))));
    },
  });
}

function pairList(pairs: Pair[]): Pair[] {
  return withMethods(pairs, {
    Names: () => pairs.map((pair) => pair.Name),
    Values: () => pairs.map((pair) => pair.Value),
    String: () => pairs.map((pair) => `${pair.Name}=${pair.Value}`).join(", "),
  });
}

/** Alertmanager's functions, name for name. */
export function notificationFunctions(nowMs: number): Record<string, TemplateFunction> {
  return {
    ...TEXT_FUNCTIONS,
    title: (text: unknown) => titleCase(asText(text)),
    trimSpace: (text: unknown) => asText(text).trim(),
    join: (separator: unknown, texts: unknown) => (texts as unknown[]).map(textOf).join(asText(separator)),
    stringSlice: (...texts: unknown[]) => texts.map(textOf),
    safeUrl: TEXT_FUNCTIONS.safeHtml as TemplateFunction,
    urlUnescape: (text: unknown) => decodeURIComponent(asText(text).replaceAll("+", " ")),
    urlquery: (text: unknown) => queryEscape(textOf(text)),
    date: (layout: unknown, value: GoTime) => value.format(asText(layout)),
    tz: (zone: unknown, value: GoTime) => time(value.ms, asText(zone)),
    since: (value: GoTime) => duration((nowMs - value.ms) / 1_000),
    humanizeDuration: (value: unknown) =>
      humanizeDuration(kindOf(value) === "struct" ? (value as { seconds: number }).seconds : numberOf(value)),
    toJson: (value: unknown) => JSON.stringify(plain(value)),
    list: (...items: unknown[]) => items,
    append: (items: unknown[], ...more: unknown[]) => [...items, ...more],
    dict: (...pairs: unknown[]) => {
      if (pairs.length % 2 !== 0) throw new Error("dict wants pairs of names and values");
      const map = new Map<string, unknown>();
      for (let index = 0; index < pairs.length; index += 2) map.set(asText(pairs[index]), pairs[index + 1]);
      return map;
    },
  };
}

function plain(value: unknown): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].sort().map(([key, item]) => [key, plain(item)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof GoTime) return value.format("2006-01-02T15:04:05.999Z07:00");
  if (typeof value === "bigint") return Number(value);
  if (kindOf(value) === "struct")
    return Object.fromEntries(
      Object.entries(value as object).map(([key, item]) => [lowerFirst(key), plain(item)]),
    );
  return kindOf(value) === "string" ? textOf(value) : kindOf(value) === "func" ? formatValue(value) : value;
}

function lowerFirst(key: string): string {
  return key === "GeneratorURL"
    ? "generatorURL"
    : key === "ExternalURL"
      ? "externalURL"
      : key.charAt(0).toLowerCase() + key.slice(1);
}

const WORDS = new Intl.Segmenter("en", { granularity: "word" });

/** Every word with a capital and the rest small, as Alertmanager has it; Prometheus leaves the rest as it is. */
function titleCase(text: string): string {
  return [...WORDS.segment(text)]
    .map(({ segment, isWordLike }) => {
      if (!isWordLike) return segment;
      const [first = ""] = segment;
      return first.toUpperCase() + segment.slice(first.length).toLowerCase();
    })
    .join("");
}
