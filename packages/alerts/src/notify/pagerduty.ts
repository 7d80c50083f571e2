import { duration } from "@tocsin/model/config";
import { z } from "zod";
import { atMostOne, httpUrl, optionalSecret, secretFile, template } from "../config/fields.js";
import { defineNotifier, type Notification, type NotifierDeps } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { severityOf } from "./urgency.js";
import { cut, fullTextUrl, incidentKey, jsonBody, plainText, worded } from "./wording.js";

const Config = z
  .strictObject({
    ...httpFields,
    routing_key: optionalSecret().describe("Integration key of Events API v2."),
    routing_key_file: secretFile(),
    service_key: optionalSecret().describe(
      "Integration key of the older Prometheus integration; sent to v2 as well.",
    ),
    service_key_file: secretFile(),
    url: httpUrl().optional(),
    client: template(),
    client_url: template(),
    description: template(),
    severity: template().describe("critical, error, warning or info. Default: from the label severity."),
    class: template(),
    component: template(),
    group: template(),
    source: template(),
    details: z.record(z.string(), z.unknown()).default({}),
    images: z.array(z.strictObject({ src: template(""), alt: template(), href: template() })).default([]),
    links: z.array(z.strictObject({ href: template(""), text: template() })).default([]),
    timeout: duration().default(0),
  })
  .superRefine(atMostOne("routing_key", "routing_key_file"))
  .superRefine(atMostOne("service_key", "service_key_file"))
  .refine(
    (config) =>
      config.routing_key ?? config.routing_key_file ?? config.service_key ?? config.service_key_file,
    {
      message: "no PagerDuty key: set routing_key, or routing_key_file.",
    },
  );
type Config = z.output<typeof Config>;

/** The whole event may have 512 KB; details go before the alarm does. */
const MAX_EVENT_BYTES = 500_000;

/** PagerDuty's Events API v2: one incident per group, resolved with it. */
export const pagerduty = defineNotifier({
  type: "pagerduty",
  sendResolvedByDefault: true,
  // 120 events a minute for one integration.
  limits: { ratePerSecond: 2, burst: 60, maxInFlight: 4 },
  config: Config,
  resolve: (config, global) => ({ ...config, url: config.url ?? global.pagerduty_url }),
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    return {
      destination: "pagerduty",
      async notify(notification, signal) {
        const key =
          (await revealSecret(config.routing_key, config.routing_key_file)) ||
          (await revealSecret(config.service_key, config.service_key_file));
        const response = await http.request({
          url: config.url ?? "https://events.pagerduty.com/v2/enqueue",
          headers: { "content-type": "application/json" },
          body: eventOf(config, deps, notification, key),
          signal,
          ...(config.timeout > 0 ? { timeoutMs: config.timeout } : {}),
        });
        const errors = jsonBody(response.body)?.errors;
        ensureAccepted("PagerDuty", response, deps.clock.now(), {
          detail: Array.isArray(errors) ? errors.join(", ") : undefined,
        });
        return undefined;
      },
    };
  },
});

function eventOf(config: Config, deps: NotifierDeps, notification: Notification, key: string): string {
  const text = (template: string | undefined): string | undefined =>
    template === undefined ? undefined : deps.templates.text(template, notification);
  const event = {
    routing_key: key,
    event_action: notification.status === "firing" ? "trigger" : "resolve",
    dedup_key: incidentKey(notification),
    client: text(config.client) ?? "Tocsin",
    client_url: text(config.client_url) ?? fullTextUrl(notification),
    payload: {
      summary: cut(
        worded(deps.templates, notification, config.description, ({ lines, title }) => lines[0] ?? title),
        1_024,
      ),
      source: text(config.source) || notification.externalUrl,
      severity: wordOf(text(config.severity) || severityOf(notification)),
      timestamp: new Date(notification.alerts[0]?.startsAtMs ?? notification.createdAtMs).toISOString(),
      class: text(config.class),
      component: text(config.component) || notification.commonLabels.service,
      group: text(config.group),
      custom_details: {
        message: plainText(deps.templates.fiveLines(notification)),
        labels: notification.commonLabels,
        num_firing: notification.alerts.filter(({ status }) => status === "firing").length,
        ...Object.fromEntries(
          Object.entries(config.details).map(([name, value]) => [
            name,
            typeof value === "string" ? text(value) : value,
          ]),
        ),
      },
    },
    images: config.images.map((image) => ({
      src: text(image.src),
      alt: text(image.alt),
      href: text(image.href),
    })),
    links: [
      ...config.links.map((link) => ({ href: text(link.href), text: text(link.text) })),
      ...deps.templates
        .fiveLines(notification)
        .links.map(({ text: label, url }) => ({ href: url, text: label })),
    ],
  };
  const body = JSON.stringify(event);
  if (Buffer.byteLength(body) <= MAX_EVENT_BYTES) return body;
  const custom_details = { message: "The details were too large; see the link." };
  const small = { ...event, payload: { ...event.payload, custom_details } };
  const smaller = JSON.stringify(small);
  if (Buffer.byteLength(smaller) <= MAX_EVENT_BYTES) return smaller;
  // Whatever else is huge is no word that wakes anybody up either.
  const { summary, source, severity, timestamp } = event.payload;
  const payload = { summary, source: cut(source, 1_024), severity, timestamp, custom_details };
  const { routing_key, event_action, dedup_key } = event;
  const links = [{ href: fullTextUrl(notification), text: "Tocsin" }];
  return JSON.stringify({ routing_key, event_action, dedup_key, payload, links });
}

/** PagerDuty knows four words; whatever else teams write is worth waking up for. */
function wordOf(severity: string | undefined): string {
  const word = (severity ?? "").toLowerCase();
  if (["critical", "error", "warning", "info"].includes(word)) return word;
  if (word === "ticket" || word === "warn" || word === "low") return "warning";
  return "critical";
}
