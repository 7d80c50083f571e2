import { duration } from "@tocsin/model/config";
import { z } from "zod";
import { atMostOne, httpUrl, optionalSecret, secretFile, secretUrl } from "./fields.js";
import { HttpConfig, TlsConfig } from "./http-config.js";

/** `host:port`, as SMTP servers are named. */
export const hostPort = z
  .string()
  .regex(
    /^$|^(?:[^:]+|\[[0-9a-fA-F:]+\])?:(?:\d+|smtp|smtps|submission|submissions)$/,
    "Write host:port, such as mail.example.org:587.",
  )
  .transform((text) => (text === "" ? undefined : text));

const fields = z.strictObject({
  resolve_timeout: duration()
    .default(300_000)
    .describe("An alert sent to us without an end is resolved when it was not repeated for so long."),
  http_config: HttpConfig.optional().describe("Default of every notifier that speaks HTTP."),
  smtp_from: z.string().optional(),
  smtp_hello: z.string().default("localhost"),
  smtp_smarthost: hostPort.optional(),
  smtp_auth_username: z.string().optional(),
  smtp_auth_password: optionalSecret(),
  smtp_auth_password_file: secretFile(),
  smtp_auth_secret: optionalSecret(),
  smtp_auth_secret_file: secretFile(),
  smtp_auth_identity: z.string().optional(),
  smtp_require_tls: z.boolean().default(true),
  smtp_tls_config: TlsConfig.optional(),
  smtp_force_implicit_tls: z.boolean().optional(),
  slack_api_url: secretUrl().optional(),
  slack_api_url_file: secretFile(),
  slack_app_token: optionalSecret(),
  slack_app_token_file: secretFile(),
  slack_app_url: httpUrl().default("https://slack.com/api/chat.postMessage"),
  pagerduty_url: httpUrl().default("https://events.pagerduty.com/v2/enqueue"),
  opsgenie_api_url: httpUrl().default("https://api.opsgenie.com/"),
  opsgenie_api_key: optionalSecret(),
  opsgenie_api_key_file: secretFile(),
  wechat_api_url: httpUrl().default("https://qyapi.weixin.qq.com/cgi-bin/"),
  wechat_api_secret: optionalSecret(),
  wechat_api_secret_file: secretFile(),
  wechat_api_corp_id: z.string().optional(),
  victorops_api_url: httpUrl().default("https://alert.victorops.com/integrations/generic/20131114/alert/"),
  victorops_api_key: optionalSecret(),
  victorops_api_key_file: secretFile(),
  telegram_api_url: httpUrl().default("https://api.telegram.org"),
  telegram_bot_token: optionalSecret(),
  telegram_bot_token_file: secretFile(),
  webex_api_url: httpUrl().default("https://webexapis.com/v1/messages"),
  rocketchat_api_url: httpUrl().default("https://open.rocket.chat/"),
  rocketchat_token: optionalSecret(),
  rocketchat_token_file: secretFile(),
  rocketchat_token_id: optionalSecret(),
  rocketchat_token_id_file: secretFile(),
  jira_api_url: httpUrl().optional(),
  mattermost_webhook_url: secretUrl().optional(),
  mattermost_webhook_url_file: secretFile(),
});

/** Alertmanager's `global`: defaults that the entries of receivers fall back to. */
export const GlobalConfig = fields
  .superRefine(atMostOne<Fields>("smtp_auth_password", "smtp_auth_password_file"))
  .superRefine(atMostOne<Fields>("smtp_auth_secret", "smtp_auth_secret_file"))
  .superRefine(atMostOne<Fields>("slack_api_url", "slack_api_url_file"))
  .superRefine(atMostOne<Fields>("slack_app_token", "slack_app_token_file"))
  .superRefine(atMostOne<Fields>("opsgenie_api_key", "opsgenie_api_key_file"))
  .superRefine(atMostOne<Fields>("wechat_api_secret", "wechat_api_secret_file"))
  .superRefine(atMostOne<Fields>("victorops_api_key", "victorops_api_key_file"))
  .superRefine(atMostOne<Fields>("telegram_bot_token", "telegram_bot_token_file"))
  .superRefine(atMostOne<Fields>("rocketchat_token", "rocketchat_token_file"))
  .superRefine(atMostOne<Fields>("rocketchat_token_id", "rocketchat_token_id_file"))
  .superRefine(atMostOne<Fields>("mattermost_webhook_url", "mattermost_webhook_url_file"))
  .superRefine((config, context) => {
    const hasToken = config.slack_app_token !== undefined || config.slack_app_token_file !== undefined;
    const hasUrl = config.slack_api_url !== undefined || config.slack_api_url_file !== undefined;
    // A bot token used to be configured with the Web API's own address as slack_api_url; that stays valid.
    if (!hasToken || !hasUrl || config.slack_api_url?.reveal() === config.slack_app_url) return;
    context.addIssue({
      code: "custom",
      message:
        "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured.",
      path: [config.slack_app_token ? "slack_app_token" : "slack_app_token_file"],
    });
  });
type Fields = z.output<typeof fields>;
export type GlobalConfig = z.output<typeof GlobalConfig>;
