import { duration } from "@tocsin/model/config";
import { z } from "zod";
import { atMostOne, httpUrl, optionalSecret, secretFile, template } from "../config/fields.js";
import { defineNotifier } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { cut, cutMarkup, fullTextUrl, jsonBody, worded } from "./wording.js";

/** Pushover's message API. */
export const pushover = defineNotifier({
  type: "pushover",
  sendResolvedByDefault: true,
  config: z
    .strictObject({
      ...httpFields,
      api_url: httpUrl().default("https://api.pushover.net/1/messages.json"),
      user_key: optionalSecret(),
      user_key_file: secretFile(),
      token: optionalSecret(),
      token_file: secretFile(),
      title: template(),
      message: template(),
      url: template(),
      url_title: template(),
      device: template(),
      sound: template(),
      priority: template('{{ if eq .Status "firing" }}2{{ else }}0{{ end }}').describe("-2 to 2."),
      retry: duration().default(60_000).describe("How often priority 2 is repeated."),
      expire: duration().default(3_600_000).describe("How long priority 2 is repeated."),
      ttl: duration().optional().describe("How long the message is kept on the devices."),
      html: z.boolean().default(false),
      monospace: z.boolean().default(false),
    })
    .superRefine((config, context) => {
      if (!config.user_key && !config.user_key_file)
        context.addIssue({ code: "custom", message: "one of user_key or user_key_file must be configured." });
      if (!config.token && !config.token_file)
        context.addIssue({ code: "custom", message: "one of token or token_file must be configured." });
      if (config.html && config.monospace)
        context.addIssue({ code: "custom", message: "at most one of html & monospace must be configured." });
    })
    .superRefine(atMostOne("user_key", "user_key_file"))
    .superRefine(atMostOne("token", "token_file")),
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    const { templates } = deps;
    return {
      destination: "pushover",
      async notify(notification, signal) {
        const link = fullTextUrl(notification);
        const text = (written: string | undefined): string =>
          written === undefined ? "" : templates.text(written, notification);
        const body = (written: string | undefined): string =>
          config.html && written !== undefined
            ? templates.html(written, notification)
            : worded(templates, notification, written, ({ lines }) => lines.join("\n"));
        const priority = text(config.priority).trim();
        const form = {
          token: await revealSecret(config.token, config.token_file),
          user: await revealSecret(config.user_key, config.user_key_file),
          title: cut(
            worded(templates, notification, config.title, ({ title }) => title),
            250,
          ),
          // An empty message is refused.
          message: cutMarkup(body(config.message).trim() || "(no details)", 1_024, link),
          url: urlOf(text(config.url) || link, link),
          url_title: cut(text(config.url_title), 100),
          device: text(config.device),
          sound: text(config.sound),
          priority,
          timestamp: String(Math.floor(notification.createdAtMs / 1_000)),
          ttl: config.ttl === undefined ? "" : String(Math.floor(config.ttl / 1_000)),
          html: config.html ? "1" : "",
          monospace: config.monospace ? "1" : "",
          ...(priority === "2"
            ? { retry: String(config.retry / 1_000), expire: String(config.expire / 1_000) }
            : {}),
        };
        const given = Object.entries(form).filter(([, value]) => value !== "");
        const response = await http.request({
          url: config.api_url,
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: new URLSearchParams(given).toString(),
          signal,
        });
        const errors = jsonBody(response.body)?.errors;
        ensureAccepted("Pushover", response, deps.clock.now(), {
          detail: Array.isArray(errors) ? errors.join(", ") : undefined,
        });
        return undefined;
      },
    };
  },
});

/** An address that is too long is refused, and half of one leads nowhere. */
function urlOf(url: string, link: string): string {
  if (url.length <= 512) return url;
  return link.length <= 512 ? link : "";
}
