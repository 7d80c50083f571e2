import { z } from "zod";
import { atMostOne, secretFile, secretUrl, template } from "../config/fields.js";
import { defineNotifier } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { colorOf, cut, fullTextUrl, jsonBody, worded } from "./wording.js";

/** Discord by webhook: one embed. */
export const discord = defineNotifier({
  type: "discord",
  sendResolvedByDefault: true,
  // 5 in two seconds, and 30 a minute.
  limits: { ratePerSecond: 0.5, burst: 5 },
  config: z
    .strictObject({
      ...httpFields,
      webhook_url: secretUrl().optional(),
      webhook_url_file: secretFile(),
      title: template(),
      message: template(),
      content: template(),
      username: template(),
      avatar_url: template(),
    })
    .superRefine(atMostOne("webhook_url", "webhook_url_file"))
    .refine((config) => config.webhook_url ?? config.webhook_url_file, {
      message: "exactly one of webhook_url & webhook_url_file must be configured.",
    }),
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    const { templates } = deps;
    return {
      destination: "discord",
      async notify(notification, signal) {
        const link = fullTextUrl(notification);
        const text = (template: string | undefined): string | undefined =>
          template === undefined ? undefined : templates.text(template, notification);
        const body = {
          content: cut(text(config.content) ?? "", 2_000),
          username: cut(text(config.username) ?? "", 80) || undefined,
          avatar_url: text(config.avatar_url),
          allowed_mentions: { parse: config.content === undefined ? [] : ["users", "roles", "everyone"] },
          embeds: [
            {
              title: cut(
                worded(templates, notification, config.title, ({ title }) => title),
                256,
              ),
              url: link,
              description: cut(
                worded(templates, notification, config.message, ({ lines, links }) =>
                  [...lines, links.map((each) => `[${each.text}](${each.url})`).join(" · ")].join("\n"),
                ).trim() || "(no details)",
                4_096,
                link,
              ),
              color: Number.parseInt(colorOf(notification).slice(1), 16),
            },
          ],
        };
        const response = await http.request({
          url: await revealSecret(config.webhook_url, config.webhook_url_file),
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
          signal,
        });
        const answer = response.status >= 400 ? jsonBody(response.body) : undefined;
        const seconds = answer?.retry_after;
        ensureAccepted("Discord", response, deps.clock.now(), {
          detail: typeof answer?.message === "string" ? answer.message : undefined,
          retryAfterMs: typeof seconds === "number" ? Math.ceil(seconds * 1_000) : undefined,
        });
        return undefined;
      },
    };
  },
});
