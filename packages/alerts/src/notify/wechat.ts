import type { UnixMs } from "@tocsin/model";
import { z } from "zod";
import { atMostOne, httpUrl, optionalSecret, secretFile, template } from "../config/fields.js";
import { AlertsError } from "../errors.js";
import { defineNotifier } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { cutBytes, fullTextUrl, jsonBody, plainText, worded } from "./wording.js";

/** A message may have 2,048 bytes. */
const MAX_MESSAGE_BYTES = 2_048;
/** Answers that mean "ask for a new token": unknown, expired. */
const TOKEN_ERRORS = new Set([40_014, 42_001]);
/** Answers that may be different later: busy, too often. */
const PASSING_ERRORS = new Set([-1, 45_009]);

/** WeChat Work by an application of a corporation. */
export const wechat = defineNotifier({
  type: "wechat",
  sendResolvedByDefault: false,
  config: z
    .strictObject({
      ...httpFields,
      api_secret: optionalSecret(),
      api_secret_file: secretFile(),
      corp_id: z.string().optional(),
      api_url: httpUrl().optional(),
      message: template(),
      to_user: template(),
      to_party: template(),
      to_tag: template(),
      agent_id: template(),
      message_type: z.enum(["text", "markdown"]).default("text"),
    })
    .superRefine(atMostOne("api_secret", "api_secret_file")),
  resolve(config, global) {
    const corp_id = config.corp_id ?? global.wechat_api_corp_id;
    const complete = { ...config, corp_id, api_url: config.api_url ?? global.wechat_api_url };
    if (corp_id === undefined)
      return "no WeChat corporation: set corp_id here, or wechat_api_corp_id in global.";
    if (config.api_secret ?? config.api_secret_file) return complete;
    const { wechat_api_secret: api_secret, wechat_api_secret_file: api_secret_file } = global;
    if (api_secret ?? api_secret_file) return { ...complete, api_secret, api_secret_file };
    return "no WeChat secret: set api_secret or api_secret_file here, or wechat_api_secret in global.";
  },
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    const api = (config.api_url ?? "").replace(/\/?$/, "/");
    let token: { readonly text: string; readonly endsAtMs: UnixMs } | undefined;

    async function tokenOf(signal: AbortSignal): Promise<string> {
      if (token && token.endsAtMs > deps.clock.now()) return token.text;
      const query = new URLSearchParams({
        corpid: config.corp_id ?? "",
        corpsecret: await revealSecret(config.api_secret, config.api_secret_file),
      });
      const answer = await call(`gettoken?${query}`, undefined, signal);
      const seconds = typeof answer.expires_in === "number" ? answer.expires_in : 7_200;
      token = { text: String(answer.access_token), endsAtMs: deps.clock.now() + seconds * 1_000 };
      return token.text;
    }

    async function call(path: string, body: object | undefined, signal: AbortSignal) {
      const response = await http.request({
        url: `${api}${path}`,
        signal,
        ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
      });
      ensureAccepted("WeChat", response, deps.clock.now());
      const answer = jsonBody(response.body) ?? {};
      const code = Number(answer.errcode ?? 0);
      if (code === 0) return answer;
      const isOldToken = TOKEN_ERRORS.has(code);
      if (isOldToken) token = undefined;
      const retryable = isOldToken || PASSING_ERRORS.has(code);
      throw new AlertsError(
        code === 45_009 ? "ALERTS_NOTIFY_THROTTLED" : "ALERTS_NOTIFY_REJECTED",
        `WeChat answered ${code}: ${String(answer.errmsg).slice(0, 200)}. ${retryable ? "It will be tried again." : "Check corp_id, the secret, agent_id and who may be written to."}`,
        { retryable },
      );
    }

    return {
      destination: `wechat ${config.corp_id ?? ""}`,
      async notify(notification, signal) {
        const text = (written: string | undefined): string | undefined =>
          written === undefined ? undefined : deps.templates.text(written, notification);
        const words = worded(deps.templates, notification, config.message, plainText);
        const content = cutBytes(words, MAX_MESSAGE_BYTES, fullTextUrl(notification));
        const query = new URLSearchParams({ access_token: await tokenOf(signal) });
        await call(
          `message/send?${query}`,
          {
            touser: text(config.to_user),
            toparty: text(config.to_party),
            totag: text(config.to_tag),
            agentid: text(config.agent_id),
            safe: "0",
            msgtype: config.message_type,
            [config.message_type]: { content },
          },
          signal,
        );
        return undefined;
      },
    };
  },
});
