import { duration } from "@tocsin/model/config";
import { z } from "zod";
import { atMostOne, optionalSecret, secretFile, secretUrl } from "../config/fields.js";
import { defineNotifier } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { webhookMessage } from "./webhook-message.js";
import { jsonBody } from "./wording.js";

/** A body may have 512 KB; alerts are left out until it fits. */
const MAX_BODY_BYTES = 512 * 1_024;

/** incident.io's alert source for Alertmanager: the webhook's body with a bearer token. */
export const incidentio = defineNotifier({
  type: "incidentio",
  sendResolvedByDefault: true,
  limits: { ratePerSecond: 10, burst: 50, maxInFlight: 4 },
  config: z
    .strictObject({
      ...httpFields,
      url: secretUrl().optional(),
      url_file: secretFile(),
      alert_source_token: optionalSecret(),
      alert_source_token_file: secretFile(),
      max_alerts: z.number().int().nonnegative().default(0).describe("Most alerts in one message; 0 is all."),
      timeout: duration().default(0).describe("Time limit of one try; 0 is 10 s."),
    })
    .superRefine(atMostOne("url", "url_file"))
    .superRefine(atMostOne("alert_source_token", "alert_source_token_file"))
    .superRefine((config, context) => {
      if (!config.url && !config.url_file)
        context.addIssue({ code: "custom", message: "one of url or url_file must be configured." });
      const hasToken = config.alert_source_token ?? config.alert_source_token_file;
      if (!hasToken && !config.http_config?.authorization)
        context.addIssue({
          code: "custom",
          message:
            "one of alert_source_token, alert_source_token_file or http_config.authorization must be configured.",
        });
    }),
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    return {
      destination: "incidentio",
      async notify(notification, signal) {
        const token = await revealSecret(config.alert_source_token, config.alert_source_token_file);
        let most = config.max_alerts > 0 ? config.max_alerts : notification.alerts.length;
        let body = JSON.stringify(webhookMessage(notification, most));
        while (Buffer.byteLength(body) > MAX_BODY_BYTES && most > 1) {
          most = Math.floor(most / 2);
          body = JSON.stringify(webhookMessage(notification, most));
        }
        const response = await http.request({
          url: await revealSecret(config.url, config.url_file),
          headers: {
            "content-type": "application/json",
            ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
          },
          body,
          signal,
          ...(config.timeout > 0 ? { timeoutMs: config.timeout } : {}),
        });
        const detail = jsonBody(response.body)?.message;
        ensureAccepted("incident.io", response, deps.clock.now(), {
          detail: typeof detail === "string" ? detail : undefined,
        });
        return undefined;
      },
    };
  },
});
