import { z } from "zod";
import { httpUrl, requiredTemplate, template } from "../config/fields.js";
import { defineNotifier } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields } from "./notifier-config.js";
import { cutBytes, fullTextUrl, jsonBody, worded } from "./wording.js";

/** Webex takes 7,439 bytes. */
const MAX_MESSAGE_BYTES = 7_439;

/** Webex by a bot, whose token is `http_config.authorization`. */
export const webex = defineNotifier({
  type: "webex",
  sendResolvedByDefault: true,
  config: z.strictObject({
    ...httpFields,
    api_url: httpUrl().optional(),
    message: template(),
    room_id: requiredTemplate("missing room_id."),
  }),
  resolve(config, global) {
    if (config.http_config?.authorization)
      return { ...config, api_url: config.api_url ?? global.webex_api_url };
    return "Webex needs http_config.authorization with the bot's token.";
  },
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    return {
      destination: "webex",
      async notify(notification, signal) {
        const text = worded(deps.templates, notification, config.message, ({ lines, links }) =>
          [...lines, links.map((each) => `[${each.text}](${each.url})`).join(" · ")].join("\n\n"),
        );
        const response = await http.request({
          url: config.api_url ?? "",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            roomId: deps.templates.text(config.room_id ?? "", notification),
            markdown: cutBytes(text, MAX_MESSAGE_BYTES, fullTextUrl(notification)),
          }),
          signal,
        });
        const detail = jsonBody(response.body)?.message;
        ensureAccepted("Webex", response, deps.clock.now(), {
          detail: typeof detail === "string" ? detail : undefined,
        });
        return undefined;
      },
    };
  },
});
