import { z } from "zod";
import { atMostOne, secretFile, secretUrl, template } from "../config/fields.js";
import { AttachmentField, attachmentFields } from "./attachment.js";
import { defineNotifier, type Notification, type NotifierDeps } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { colorOf, cut, fullTextUrl, jsonBody, worded } from "./wording.js";

const Attachment = z.strictObject({
  fallback: template(),
  color: template(),
  pretext: template(),
  text: template(),
  author_name: template(),
  author_link: template(),
  author_icon: template(),
  title: template(),
  title_link: template(),
  fields: z.array(AttachmentField).optional(),
  thumb_url: template(),
  footer: template(),
  footer_icon: template(),
  image_url: template(),
});

const Config = z
  .strictObject({
    ...httpFields,
    webhook_url: secretUrl().optional(),
    webhook_url_file: secretFile(),
    channel: template(),
    username: template(),
    text: template(),
    icon_url: template(),
    icon_emoji: template(),
    attachments: z.array(Attachment).optional(),
    type: template(),
    props: z.strictObject({ card: template() }).optional(),
    priority: z
      .strictObject({
        priority: template(),
        requested_ack: z.boolean().optional(),
        persistent_notifications: z.boolean().optional(),
      })
      .optional(),
  })
  .superRefine(atMostOne("webhook_url", "webhook_url_file"));
type Config = z.output<typeof Config>;

/** Mattermost by incoming webhook. */
export const mattermost = defineNotifier({
  type: "mattermost",
  sendResolvedByDefault: true,
  config: Config,
  resolve(config, global) {
    if (config.webhook_url ?? config.webhook_url_file) return config;
    const { mattermost_webhook_url: webhook_url, mattermost_webhook_url_file: webhook_url_file } = global;
    if (webhook_url ?? webhook_url_file) return { ...config, webhook_url, webhook_url_file };
    return "no Mattermost URL: set webhook_url or webhook_url_file here, or mattermost_webhook_url in global.";
  },
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    return {
      destination: `mattermost ${config.channel ?? "webhook"}`,
      async notify(notification, signal) {
        const response = await http.request({
          url: await revealSecret(config.webhook_url, config.webhook_url_file),
          headers: { "content-type": "application/json" },
          body: JSON.stringify(messageOf(config, deps, notification)),
          signal,
        });
        const detail = jsonBody(response.body)?.message;
        ensureAccepted("Mattermost", response, deps.clock.now(), {
          detail: typeof detail === "string" ? detail : undefined,
        });
        return undefined;
      },
    };
  },
});

function messageOf(config: Config, { templates }: NotifierDeps, notification: Notification): object {
  const text = (written: string): string => templates.text(written, notification);
  const own = (written: string | undefined): string | undefined =>
    written === undefined ? undefined : text(written) || undefined;
  const link = fullTextUrl(notification);
  const { attachments, priority, props } = config;
  return {
    channel: own(config.channel),
    username: own(config.username),
    icon_url: own(config.icon_url),
    icon_emoji: own(config.icon_emoji),
    type: own(config.type),
    // A post may have 16,383 characters.
    text: attachments && config.text === undefined ? undefined : cut(defaultText(), 16_383, link),
    attachments: attachments?.map(({ fields, ...texts }) => ({
      ...Object.fromEntries(Object.entries(texts).map(([name, written]) => [name, own(written)])),
      color: own(texts.color) ?? colorOf(notification),
      ...(fields ? { fields: attachmentFields(fields, text) } : {}),
    })),
    ...(props ? { props: { card: own(props.card) } } : {}),
    ...(priority ? { priority: { ...priority, priority: own(priority.priority) } } : {}),
  };

  function defaultText(): string {
    return worded(templates, notification, config.text, ({ title, lines, links }) =>
      [
        `#### ${title}`,
        ...lines.slice(1),
        links.map((each) => `[${each.text}](${each.url})`).join(" · "),
      ].join("\n"),
    );
  }
}
