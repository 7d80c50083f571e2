import { duration } from "@tocsin/model/config";
import { z } from "zod";
import {
  httpUrl,
  optionalSecret,
  requiredTemplate,
  secretFile,
  secretUrl,
  template,
} from "../config/fields.js";
import { parseRetryAfter } from "../deliver/backoff.js";
import { AlertsError } from "../errors.js";
import type { HttpClient } from "../http/client.js";
import { AttachmentField, attachmentFields } from "./attachment.js";
import { defineNotifier, type Notification, type NotifierDeps, type NotifierMemory } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { hasWorsened, severityOf } from "./urgency.js";
import { colorOf, cutMarkup, fullTextUrl, jsonBody, worded } from "./wording.js";

const Action = z
  .strictObject({
    type: z.string().min(1, "an action needs a type."),
    text: requiredTemplate("an action needs a text."),
    url: template(),
    style: template(),
    name: template(),
    value: template(),
    confirm: z
      .strictObject({
        text: requiredTemplate("a confirmation needs a text."),
        title: template(),
        ok_text: template(),
        dismiss_text: template(),
      })
      .optional(),
  })
  .refine(({ url, name }) => (url ?? "") !== "" || (name ?? "") !== "", {
    message: "an action needs a name or a url.",
  });

const Config = z
  .strictObject({
    ...httpFields,
    api_url: secretUrl().optional().describe("Incoming webhook."),
    api_url_file: secretFile(),
    app_token: optionalSecret().describe("Bot token for the Web API (xoxb-…)."),
    app_token_file: secretFile(),
    app_url: httpUrl().optional(),
    channel: template().describe("Channel or person; needed with a bot token."),
    username: template(),
    color: template(),
    title: template(),
    title_link: template(),
    pretext: template(),
    text: template().describe("Default: what, how bad, since when, where, what may be done."),
    message_text: template(),
    fields: z.array(AttachmentField).default([]),
    short_fields: z.boolean().default(false),
    footer: template(),
    fallback: template(),
    callback_id: template(),
    icon_emoji: template(),
    icon_url: template(),
    image_url: template(),
    thumb_url: template(),
    link_names: z.boolean().default(false),
    mrkdwn_in: z.array(z.string()).optional(),
    actions: z.array(Action).default([]),
    update_message: z
      .boolean()
      .optional()
      .describe("Change the one message of a group instead of sending more. Default true with a bot token."),
    timeout: duration().default(0),
  })
  .superRefine((config, context) => {
    const fail = (message: string): void => context.addIssue({ code: "custom", message });
    if (config.api_url && config.api_url_file)
      fail("at most one of api_url & api_url_file must be configured.");
    if (config.app_token && config.app_token_file)
      fail("at most one of app_token & app_token_file must be configured.");
    const hasToken = config.app_token ?? config.app_token_file;
    const hasUrl = config.api_url ?? config.api_url_file;
    if (hasToken && hasUrl) fail("at most one of app_token & api_url must be configured.");
    if (config.update_message && hasUrl && config.api_url?.reveal() !== POST_MESSAGE)
      fail(
        "update_message works only with a bot token: a webhook's messages cannot be changed. Set app_token.",
      );
  });
type Config = z.output<typeof Config>;

const POST_MESSAGE = "https://slack.com/api/chat.postMessage";

/** Slack by incoming webhook or by the Web API; with a bot token the one message of a group is changed in place. */
export const slack = defineNotifier({
  type: "slack",
  sendResolvedByDefault: false,
  config: Config,
  resolve(config, global) {
    const app_url = config.app_url ?? global.slack_app_url;
    const complete = { ...config, app_url };
    if (config.api_url ?? config.api_url_file ?? config.app_token ?? config.app_token_file) return complete;
    // Before app_token there was, bot tokens were given as the authorization of the Web API's address.
    if (config.http_config?.authorization) return complete;
    if (global.slack_app_token ?? global.slack_app_token_file)
      return { ...complete, app_token: global.slack_app_token, app_token_file: global.slack_app_token_file };
    if (global.slack_api_url ?? global.slack_api_url_file)
      return { ...complete, api_url: global.slack_api_url, api_url_file: global.slack_api_url_file };
    return "no Slack API URL: set api_url or app_token here, or slack_api_url or slack_app_token in global.";
  },
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    const isWebApi = config.api_url === undefined && config.api_url_file === undefined;
    return {
      destination: `slack ${config.channel ?? "webhook"}`,
      notify: (notification, signal) =>
        isWebApi
          ? sendByWebApi(config, deps, http, notification, signal)
          : sendByWebhook(config, deps, http, notification, signal),
    };
  },
});

async function sendByWebhook(
  config: Config,
  deps: NotifierDeps,
  http: HttpClient,
  notification: Notification,
  signal: AbortSignal,
): Promise<undefined> {
  const response = await http.request({
    url: await revealSecret(config.api_url, config.api_url_file),
    headers: { "content-type": "application/json" },
    body: JSON.stringify(messageOf(config, deps, notification)),
    signal,
    ...(config.timeout > 0 ? { timeoutMs: config.timeout } : {}),
  });
  ensureAccepted("Slack", response, deps.clock.now(), { detail: response.body });
  return undefined;
}

async function sendByWebApi(
  config: Config,
  deps: NotifierDeps,
  http: HttpClient,
  notification: Notification,
  signal: AbortSignal,
): Promise<NotifierMemory | undefined> {
  const { previous } = notification;
  const isUpdate = config.update_message !== false && Boolean(previous?.ts) && Boolean(previous?.channel);
  const url = config.app_url ?? POST_MESSAGE;
  const token = await revealSecret(config.app_token, config.app_token_file);
  const message = messageOf(config, deps, notification);
  const call = async (method: "chat.postMessage" | "chat.update", body: object): Promise<Answer> => {
    const response = await http.request({
      url: url.replace(/chat\.postMessage$/, method),
      headers: {
        "content-type": "application/json; charset=utf-8",
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal,
    });
    ensureAccepted("Slack", response, deps.clock.now());
    const retryAfterMs = parseRetryAfter(response.headers["retry-after"], deps.clock.now());
    return { ...jsonBody(response.body), retryAfterMs };
  };
  const answer = isUpdate
    ? await call("chat.update", { ...message, channel: previous?.channel, ts: previous?.ts })
    : await call("chat.postMessage", message);
  // The message that was to be changed is gone: a new one is better than none.
  if (isUpdate && (answer.error === "message_not_found" || answer.error === "cant_update_message"))
    return sendByWebApi(config, deps, http, { ...notification, previous: undefined }, signal);
  ensureOk(answer);
  // The end of an incident closes its message; the next incident gets its own.
  if (notification.status === "resolved") return { ts: "", channel: "" };
  if (typeof answer.ts !== "string" || typeof answer.channel !== "string") return undefined;
  const { ts, channel } = answer;
  if (isUpdate && hasWorsened(notification)) {
    // A message that is changed makes no sound: what has become worse is said aloud, in the same thread.
    const { lines, title } = deps.templates.fiveLines(notification);
    const text = escaped(lines[0] ?? title);
    ensureOk(await call("chat.postMessage", { channel, text, thread_ts: ts, reply_broadcast: true }));
  }
  return { ts, channel, severity: severityOf(notification) ?? "" };
}

interface Answer {
  readonly ok?: unknown;
  readonly error?: unknown;
  readonly ts?: unknown;
  readonly channel?: unknown;
  readonly retryAfterMs: number | undefined;
}

function ensureOk({ ok, error, retryAfterMs }: Answer): void {
  if (ok === false) throw refusal(String(error), retryAfterMs);
}

const RETRYABLE = new Set([
  "ratelimited",
  "rate_limited",
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "request_timeout",
]);

function refusal(error: string, retryAfterMs: number | undefined): AlertsError {
  const retryable = RETRYABLE.has(error);
  return new AlertsError(
    error.startsWith("rate") ? "ALERTS_NOTIFY_THROTTLED" : "ALERTS_NOTIFY_REJECTED",
    `Slack answered "${error}". ${retryable ? "It will be tried again." : "Check the token, its scopes and the channel."}`,
    { retryable, retryAfterMs },
  );
}

/** What alerts say is text to Slack, never a link or a call for everybody. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function messageOf(config: Config, deps: NotifierDeps, notification: Notification): Record<string, unknown> {
  const { templates } = deps;
  const own = (text: string | undefined): string | undefined => {
    if (text === undefined) return undefined;
    const expanded = templates.text(text, notification);
    return expanded === "" ? undefined : expanded;
  };
  const cutOwn = (written: string | undefined, max: number): string | undefined => {
    const expanded = own(written);
    return expanded === undefined ? undefined : cutMarkup(expanded, max, link);
  };
  const link = fullTextUrl(notification);
  const title = escaped(templates.fiveLines(notification).title);
  const text = worded(templates, notification, config.text, ({ lines, links }) =>
    [...lines.map(escaped), links.map((each) => `<${each.url}|${each.text}>`).join(" · ")].join("\n"),
  );
  const attachment = {
    title: cutMarkup(own(config.title) ?? title, 1_024),
    title_link: own(config.title_link) ?? link,
    pretext: cutOwn(config.pretext, 3_000),
    text: cutMarkup(text, 8_000, link),
    fallback: cutMarkup(own(config.fallback) ?? title, 1_024),
    callback_id: own(config.callback_id),
    image_url: own(config.image_url),
    thumb_url: own(config.thumb_url),
    footer: cutOwn(config.footer, 300),
    color: own(config.color) ?? colorOf(notification),
    mrkdwn_in: config.mrkdwn_in ?? ["fallback", "pretext", "text"],
    fields: attachmentFields(
      config.fields,
      (written) => cutMarkup(templates.text(written, notification), 2_000),
      config.short_fields,
    ),
    // Slack shows five at most and refuses more.
    actions: config.actions.slice(0, 5).map(({ confirm, ...action }) => ({
      ...Object.fromEntries(Object.entries(action).map(([name, value]) => [name, own(value)])),
      ...(confirm
        ? { confirm: Object.fromEntries(Object.entries(confirm).map(([name, value]) => [name, own(value)])) }
        : {}),
    })),
  };
  return {
    channel: own(config.channel),
    username: own(config.username),
    icon_emoji: own(config.icon_emoji),
    icon_url: own(config.icon_url),
    link_names: config.link_names || undefined,
    text: cutOwn(config.message_text, 40_000),
    attachments: [attachment],
  };
}
