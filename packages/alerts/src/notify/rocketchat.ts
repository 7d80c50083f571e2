import { z } from "zod";
import { atMostOne, httpUrl, optionalSecret, secretFile, template } from "../config/fields.js";
import { AlertsError } from "../errors.js";
import { AttachmentField, attachmentFields } from "./attachment.js";
import { defineNotifier } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { colorOf, cut, fullTextUrl, jsonBody, worded } from "./wording.js";

const Action = z.strictObject({
  type: z.string().optional(),
  text: template(),
  url: template(),
  msg: template(),
});

/** Rocket.Chat by its REST API, with a personal access token. */
export const rocketchat = defineNotifier({
  type: "rocketchat",
  sendResolvedByDefault: false,
  config: z
    .strictObject({
      ...httpFields,
      api_url: httpUrl().optional(),
      channel: template(),
      token: optionalSecret(),
      token_file: secretFile(),
      token_id: optionalSecret(),
      token_id_file: secretFile(),
      color: template(),
      title: template(),
      title_link: template(),
      text: template(),
      fields: z.array(AttachmentField).default([]),
      short_fields: z.boolean().default(false),
      emoji: template(),
      icon_url: template(),
      image_url: template(),
      thumb_url: template(),
      link_names: z.boolean().optional().describe("Names are links always; accepted for compatibility."),
      actions: z.array(Action).default([]),
    })
    .superRefine(atMostOne("token", "token_file"))
    .superRefine(atMostOne("token_id", "token_id_file")),
  resolve(config, global) {
    const hasToken = config.token ?? config.token_file;
    const hasId = config.token_id ?? config.token_id_file;
    if (!hasToken && !(global.rocketchat_token ?? global.rocketchat_token_file))
      return "no Rocket.Chat token: set token or token_file here, or rocketchat_token in global.";
    if (!hasId && !(global.rocketchat_token_id ?? global.rocketchat_token_id_file))
      return "no Rocket.Chat token id: set token_id or token_id_file here, or rocketchat_token_id in global.";
    return {
      ...config,
      api_url: config.api_url ?? global.rocketchat_api_url,
      ...(hasToken ? {} : { token: global.rocketchat_token, token_file: global.rocketchat_token_file }),
      ...(hasId
        ? {}
        : { token_id: global.rocketchat_token_id, token_id_file: global.rocketchat_token_id_file }),
    };
  },
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    const { templates } = deps;
    return {
      destination: `rocketchat ${config.channel ?? ""}`.trim(),
      async notify(notification, signal) {
        const own = (written: string | undefined): string | undefined =>
          written === undefined ? undefined : templates.text(written, notification) || undefined;
        const link = fullTextUrl(notification);
        const { title } = templates.fiveLines(notification);
        const text = worded(templates, notification, config.text, ({ lines, links }) =>
          [...lines, links.map((each) => `[${each.text}](${each.url})`).join(" · ")].join("\n"),
        );
        const attachment = {
          title: cut(own(config.title) ?? title, 1_024),
          title_link: own(config.title_link) ?? link,
          text: cut(text, 5_000, link),
          color: own(config.color) ?? colorOf(notification),
          fields: attachmentFields(
            config.fields,
            (written) => templates.text(written, notification),
            config.short_fields,
          ),
          image_url: own(config.image_url),
          thumb_url: own(config.thumb_url),
          actions: config.actions.map((action) => ({
            type: action.type ?? "button",
            text: own(action.text),
            url: own(action.url),
            msg: own(action.msg),
          })),
        };
        const response = await http.request({
          url: `${(config.api_url ?? "").replace(/\/?$/, "/")}api/v1/chat.postMessage`,
          headers: {
            "content-type": "application/json",
            "x-auth-token": await revealSecret(config.token, config.token_file),
            "x-user-id": await revealSecret(config.token_id, config.token_id_file),
          },
          body: JSON.stringify({
            channel: own(config.channel),
            emoji: own(config.emoji),
            avatar: own(config.icon_url),
            attachments: [attachment],
          }),
          signal,
        });
        const answer = jsonBody(response.body);
        const detail = typeof answer?.error === "string" ? answer.error : undefined;
        ensureAccepted("Rocket.Chat", response, deps.clock.now(), { detail });
        if (answer?.success === false)
          throw new AlertsError(
            "ALERTS_NOTIFY_REJECTED",
            `Rocket.Chat refused the message: ${detail}. Check the channel and what the token allows.`,
          );
        return undefined;
      },
    };
  },
});
