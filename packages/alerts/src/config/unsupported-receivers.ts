// Receivers that Alertmanager knows and Tocsin has no notifier for. Their configs are checked all the same, so that
// a file can be moved between the two; that they cannot be delivered to is said when the config is loaded.
import { duration } from "@tocsin/model/config";
import { z } from "zod";
import { httpFields } from "../notify/notifier-config.js";
import { atMostOne, httpUrl, optionalSecret, secretFile, secretUrl, template } from "./fields.js";
import type { GlobalConfig } from "./global.js";

export interface UnsupportedReceiver {
  readonly type: string;
  /** The product, for the message. */
  readonly product: string;
  readonly config: z.ZodType;
  readonly resolve?: (config: unknown, global: GlobalConfig) => unknown;
}

const text = () => template();

const victorops = z
  .strictObject({
    ...httpFields,
    api_key: optionalSecret(),
    api_key_file: secretFile(),
    api_url: httpUrl().optional(),
    routing_key: z.string().min(1),
    message_type: text(),
    state_message: text(),
    entity_display_name: text(),
    monitoring_tool: text(),
    custom_fields: z.record(z.string(), z.string()).optional(),
  })
  .superRefine(atMostOne("api_key", "api_key_file"));

const wechat = z
  .strictObject({
    ...httpFields,
    api_secret: optionalSecret(),
    api_secret_file: secretFile(),
    corp_id: z.string().optional(),
    api_url: httpUrl().optional(),
    message: text(),
    to_user: text(),
    to_party: text(),
    to_tag: text(),
    agent_id: text(),
    message_type: z.enum(["text", "markdown"]).optional(),
  })
  .superRefine(atMostOne("api_secret", "api_secret_file"));

const pushover = z
  .strictObject({
    ...httpFields,
    user_key: optionalSecret(),
    user_key_file: secretFile(),
    token: optionalSecret(),
    token_file: secretFile(),
    title: text(),
    message: text(),
    url: text(),
    url_title: text(),
    device: text(),
    sound: text(),
    priority: text(),
    retry: duration().optional(),
    expire: duration().optional(),
    ttl: duration().optional(),
    html: z.boolean().optional(),
    monospace: z.boolean().optional(),
  })
  .superRefine((config, context) => {
    if (!config.user_key && !config.user_key_file)
      context.addIssue({ code: "custom", message: "one of user_key or user_key_file must be configured." });
    if (!config.token && !config.token_file)
      context.addIssue({ code: "custom", message: "one of token or token_file must be configured." });
  })
  .superRefine(atMostOne("user_key", "user_key_file"))
  .superRefine(atMostOne("token", "token_file"));

const webex = z.strictObject({
  ...httpFields,
  api_url: httpUrl().optional(),
  message: text(),
  room_id: z.string().min(1),
});

const rocketchat = z
  .strictObject({
    ...httpFields,
    api_url: httpUrl().optional(),
    channel: text(),
    token: optionalSecret(),
    token_file: secretFile(),
    token_id: optionalSecret(),
    token_id_file: secretFile(),
    color: text(),
    title: text(),
    title_link: text(),
    text: text(),
    fields: z.array(z.unknown()).optional(),
    short_fields: z.boolean().optional(),
    emoji: text(),
    icon_url: text(),
    image_url: text(),
    thumb_url: text(),
    link_names: z.boolean().optional(),
    actions: z.array(z.unknown()).optional(),
  })
  .superRefine(atMostOne("token", "token_file"))
  .superRefine(atMostOne("token_id", "token_id_file"));

const mattermost = z
  .strictObject({
    ...httpFields,
    webhook_url: secretUrl().optional(),
    webhook_url_file: secretFile(),
    channel: text(),
    username: text(),
    text: text(),
    icon_url: text(),
    icon_emoji: text(),
    attachments: z.array(z.unknown()).optional(),
    type: z.string().optional(),
    props: z.unknown().optional(),
    priority: z.unknown().optional(),
  })
  .superRefine(atMostOne("webhook_url", "webhook_url_file"));

const jira = z.strictObject({
  ...httpFields,
  api_url: httpUrl().optional(),
  api_type: z.string().optional(),
  project: z.string().min(1),
  issue_type: z.string().min(1),
  summary: z.unknown().optional(),
  description: z.unknown().optional(),
  labels: z.array(z.string()).optional(),
  priority: text(),
  reopen_transition: z.string().optional(),
  resolve_transition: z.string().optional(),
  wont_fix_resolution: z.string().optional(),
  reopen_duration: duration().optional(),
  fields: z.record(z.string(), z.unknown()).optional(),
  custom_fields: z.record(z.string(), z.unknown()).optional(),
});

const incidentio = z
  .strictObject({
    ...httpFields,
    url: secretUrl().optional(),
    url_file: secretFile(),
    alert_source_token: optionalSecret(),
    alert_source_token_file: secretFile(),
    max_alerts: z.number().int().nonnegative().optional(),
    timeout: duration().optional(),
  })
  .superRefine(atMostOne("url", "url_file"))
  .superRefine(atMostOne("alert_source_token", "alert_source_token_file"));

type Entry = Readonly<Record<string, unknown>>;

/** Takes `names` from the global settings when the entry gives none of them. */
function fallBack(names: readonly (readonly [own: string, global: keyof GlobalConfig])[], missing: string) {
  return (config: unknown, global: GlobalConfig): unknown => {
    const entry = config as Entry;
    if (names.some(([own]) => entry[own] !== undefined)) return entry;
    const inherited = names.filter(([, name]) => global[name] !== undefined);
    if (inherited.length === 0) return missing;
    return { ...entry, ...Object.fromEntries(inherited.map(([own, name]) => [own, global[name]])) };
  };
}

export const UNSUPPORTED_RECEIVERS: readonly UnsupportedReceiver[] = [
  {
    type: "victorops",
    product: "VictorOps (Splunk On-Call)",
    config: victorops,
    resolve: fallBack(
      [
        ["api_key", "victorops_api_key"],
        ["api_key_file", "victorops_api_key_file"],
      ],
      "no VictorOps API key: set api_key or api_key_file here, or victorops_api_key in global.",
    ),
  },
  {
    type: "wechat",
    product: "WeChat",
    config: wechat,
    resolve: fallBack(
      [
        ["api_secret", "wechat_api_secret"],
        ["api_secret_file", "wechat_api_secret_file"],
      ],
      "no WeChat secret: set api_secret or api_secret_file here, or wechat_api_secret in global.",
    ),
  },
  { type: "pushover", product: "Pushover", config: pushover },
  {
    type: "webex",
    product: "Webex",
    config: webex,
    resolve: (config) =>
      (config as { http_config?: { authorization?: unknown } }).http_config?.authorization
        ? config
        : "Webex needs http_config.authorization with the bot's token.",
  },
  {
    type: "rocketchat",
    product: "Rocket.Chat",
    config: rocketchat,
    resolve: fallBack(
      [
        ["token", "rocketchat_token"],
        ["token_file", "rocketchat_token_file"],
      ],
      "no Rocket.Chat token: set token or token_file here, or rocketchat_token in global.",
    ),
  },
  {
    type: "mattermost",
    product: "Mattermost",
    config: mattermost,
    resolve: fallBack(
      [
        ["webhook_url", "mattermost_webhook_url"],
        ["webhook_url_file", "mattermost_webhook_url_file"],
      ],
      "no Mattermost URL: set webhook_url or webhook_url_file here, or mattermost_webhook_url in global.",
    ),
  },
  {
    type: "jira",
    product: "Jira",
    config: jira,
    resolve: fallBack(
      [["api_url", "jira_api_url"]],
      "no Jira URL: set api_url here, or jira_api_url in global.",
    ),
  },
  { type: "incidentio", product: "incident.io", config: incidentio },
];
