import { createHmac } from "node:crypto";
import { duration, type Secret } from "@tocsin/model/config";
import { z } from "zod";
import { optionalSecret, secretFile, secretUrl } from "../config/fields.js";
import { defineNotifier } from "./notifier.js";
import { configuredHttp, ensureAccepted, hostOf, httpFields, revealSecret } from "./notifier-config.js";
import { webhookMessage } from "./webhook-message.js";

/** Alertmanager's generic webhook: version 4 JSON by POST. */
export const webhook = defineNotifier({
  type: "webhook",
  sendResolvedByDefault: true,
  limits: { ratePerSecond: 100, burst: 200, maxInFlight: 8 },
  config: z
    .strictObject({
      ...httpFields,
      url: secretUrl().optional().describe("Where to POST to."),
      url_file: secretFile(),
      max_alerts: z.number().int().nonnegative().default(0).describe("Most alerts in one message; 0 is all."),
      timeout: duration().default(0).describe("Time limit of one try; 0 is 10 s."),
      signing_secret: optionalSecret().describe(
        "Signs the body as Standard Webhooks says: whsec_ and base64, or any text.",
      ),
    })
    .superRefine((config, context) => {
      if ((config.url === undefined) === (config.url_file === undefined))
        context.addIssue({ code: "custom", message: "exactly one of url & url_file must be configured." });
    }),
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    const destination = config.url ? `webhook ${hostOf(config.url.reveal())}` : `webhook ${config.url_file}`;
    return {
      destination,
      async notify(notification, signal) {
        const body = JSON.stringify(webhookMessage(notification, config.max_alerts));
        const response = await http.request({
          url: await revealSecret(config.url, config.url_file),
          headers: {
            "content-type": "application/json",
            "idempotency-key": notification.id,
            ...signature(config.signing_secret, notification.id, deps.clock.now(), body),
          },
          body,
          signal,
          ...(config.timeout > 0 ? { timeoutMs: config.timeout } : {}),
        });
        ensureAccepted(`The webhook at ${destination.slice("webhook ".length)}`, response, deps.clock.now());
        return undefined;
      },
    };
  },
});

/**
 * The headers of the Standard Webhooks specification. `webhook-id` is the same over retries, and is sent without
 * a secret too.
 */
function signature(
  secret: Secret | undefined,
  id: string,
  nowMs: number,
  body: string,
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1_000));
  const headers = { "webhook-id": id, "webhook-timestamp": timestamp };
  if (!secret) return headers;
  const text = secret.reveal();
  const key = text.startsWith("whsec_")
    ? Buffer.from(text.slice("whsec_".length), "base64")
    : Buffer.from(text);
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { ...headers, "webhook-signature": `v1,${digest}` };
}
