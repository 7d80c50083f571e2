import { z } from "zod";
import { atMostOne, httpUrl, optionalSecret, secretFile, template } from "../config/fields.js";
import { AlertsError } from "../errors.js";
import { defineNotifier } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { cut, fullTextUrl, jsonBody, plainText, textOfHtml, worded } from "./wording.js";

const MAX_TEXT = 4_096;

/** Telegram's bot API. */
export const telegram = defineNotifier({
  type: "telegram",
  sendResolvedByDefault: true,
  config: z
    .strictObject({
      ...httpFields,
      api_url: httpUrl().optional(),
      bot_token: optionalSecret(),
      bot_token_file: secretFile(),
      chat_id: z
        .union([
          z.number().int(),
          z.string().regex(/^(?:-?\d+|@.+)$/, "Write a number, or @ and a channel's name."),
        ])
        .optional(),
      chat_id_file: z.string().optional(),
      message_thread_id: z.number().int().optional(),
      message: template(),
      disable_notifications: z.boolean().default(false),
      parse_mode: z.enum(["", "Markdown", "MarkdownV2", "HTML"]).default("HTML"),
    })
    .superRefine(atMostOne("bot_token", "bot_token_file"))
    .superRefine(atMostOne("chat_id", "chat_id_file"))
    .refine((config) => config.chat_id ?? config.chat_id_file, {
      message: "missing chat_id or chat_id_file.",
    }),
  resolve(config, global) {
    const complete = { ...config, api_url: config.api_url ?? global.telegram_api_url };
    if (config.bot_token ?? config.bot_token_file) return complete;
    if (global.telegram_bot_token ?? global.telegram_bot_token_file)
      return {
        ...complete,
        bot_token: global.telegram_bot_token,
        bot_token_file: global.telegram_bot_token_file,
      };
    return "no Telegram bot token: set bot_token or bot_token_file here, or telegram_bot_token in global.";
  },
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    return {
      destination: `telegram ${config.chat_id ?? config.chat_id_file}`,
      async notify(notification, signal) {
        const token = await revealSecret(config.bot_token, config.bot_token_file);
        const chat = config.chat_id ?? (await revealSecret(undefined, config.chat_id_file));
        const isOwn = config.message !== undefined;
        const isHtml = isOwn && config.parse_mode === "HTML";
        const written = isHtml
          ? deps.templates.html(config.message ?? "", notification)
          : worded(deps.templates, notification, config.message, plainText);
        // Telegram refuses a text whose marks do not close, and a text that is cut may have lost their ends.
        const isMarked = isOwn && config.parse_mode !== "" && written.length <= MAX_TEXT;
        const text = isHtml && !isMarked ? textOfHtml(written) : written;
        const body = {
          chat_id: chat,
          // An empty text is refused.
          text: cut(text, MAX_TEXT, fullTextUrl(notification)).trim() || "(no details)",
          disable_notification: config.disable_notifications,
          disable_web_page_preview: true,
          ...(isMarked ? { parse_mode: config.parse_mode } : {}),
          ...(config.message_thread_id === undefined ? {} : { message_thread_id: config.message_thread_id }),
        };
        const response = await http.request({
          // The token is a part of the path; errors name the host only.
          url: `${(config.api_url ?? "").replace(/\/$/, "")}/bot${token}/sendMessage`,
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
          signal,
        });
        const answer = jsonBody(response.body);
        const seconds = (answer?.parameters as { retry_after?: unknown } | undefined)?.retry_after;
        const detail = typeof answer?.description === "string" ? answer.description : undefined;
        ensureAccepted("Telegram", response, deps.clock.now(), {
          detail,
          retryAfterMs: typeof seconds === "number" ? seconds * 1_000 : undefined,
        });
        if (answer?.ok === false)
          throw new AlertsError(
            "ALERTS_NOTIFY_REJECTED",
            `Telegram refused the message: ${detail}. Check chat_id and the bot's rights.`,
          );
        return undefined;
      },
    };
  },
});
