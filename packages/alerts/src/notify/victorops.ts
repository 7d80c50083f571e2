import { z } from "zod";
import {
  atMostOne,
  httpUrl,
  optionalSecret,
  requiredTemplate,
  secretFile,
  template,
} from "../config/fields.js";
import { defineNotifier } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { cut, fullTextUrl, incidentKey, jsonBody, plainText, worded } from "./wording.js";

/** Fields of the message that are ours to write. */
const RESERVED = [
  "routing_key",
  "message_type",
  "state_message",
  "entity_display_name",
  "monitoring_tool",
  "entity_id",
  "entity_state",
];

/** VictorOps, now Splunk On-Call, by its REST endpoint. */
export const victorops = defineNotifier({
  type: "victorops",
  sendResolvedByDefault: true,
  limits: { ratePerSecond: 5, burst: 50, maxInFlight: 4 },
  config: z
    .strictObject({
      ...httpFields,
      api_key: optionalSecret(),
      api_key_file: secretFile(),
      api_url: httpUrl().optional(),
      routing_key: requiredTemplate("missing routing_key."),
      message_type: template("CRITICAL").describe("CRITICAL, WARNING or INFO; the end is always RECOVERY."),
      state_message: template(),
      entity_display_name: template(),
      monitoring_tool: template("tocsin"),
      custom_fields: z
        .record(z.string(), z.string())
        .default({})
        .superRefine((fields, context) => {
          for (const name of RESERVED.filter((reserved) => reserved in fields))
            context.addIssue({
              code: "custom",
              message: `custom_fields must not name ${name}.`,
              path: [name],
            });
        }),
    })
    .superRefine(atMostOne("api_key", "api_key_file")),
  resolve(config, global) {
    const complete = { ...config, api_url: config.api_url ?? global.victorops_api_url };
    if (config.api_key ?? config.api_key_file) return complete;
    const { victorops_api_key: api_key, victorops_api_key_file: api_key_file } = global;
    if (api_key ?? api_key_file) return { ...complete, api_key, api_key_file };
    return "no VictorOps API key: set api_key or api_key_file here, or victorops_api_key in global.";
  },
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    const { templates } = deps;
    return {
      destination: "victorops",
      async notify(notification, signal) {
        const text = (written: string): string => templates.text(written, notification);
        const key = await revealSecret(config.api_key, config.api_key_file);
        const api = (config.api_url ?? "").replace(/\/?$/, "/");
        const response = await http.request({
          // The key is a part of the path; errors name the host only.
          url: `${api}${encodeURIComponent(key)}/${encodeURIComponent(text(config.routing_key ?? ""))}`,
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            ...Object.fromEntries(
              Object.entries(config.custom_fields).map(([name, value]) => [name, text(value)]),
            ),
            message_type: notification.status === "resolved" ? "RECOVERY" : text(config.message_type),
            entity_id: incidentKey(notification),
            entity_display_name: worded(
              templates,
              notification,
              config.entity_display_name,
              ({ title }) => title,
            ),
            state_message: cut(
              worded(templates, notification, config.state_message, plainText),
              20_480,
              fullTextUrl(notification),
            ),
            monitoring_tool: text(config.monitoring_tool),
          }),
          signal,
        });
        const detail = jsonBody(response.body)?.message;
        ensureAccepted("VictorOps", response, deps.clock.now(), {
          detail: typeof detail === "string" ? detail : undefined,
        });
        return undefined;
      },
    };
  },
});
