import { createHash } from "node:crypto";
import { z } from "zod";
import {
  atMostOne,
  httpUrl,
  optionalSecret,
  requiredTemplate,
  secretFile,
  template,
} from "../config/fields.js";
import { defineNotifier, type Notification, type NotifierDeps } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { hasWorsened, severityOf } from "./urgency.js";
import { cut, fullTextUrl, incidentKey, jsonBody, plainText, worded } from "./wording.js";

const RESPONDER_TYPES: ReadonlySet<string> = new Set(["team", "teams", "user", "escalation", "schedule"]);

const Config = z
  .strictObject({
    ...httpFields,
    api_key: optionalSecret(),
    api_key_file: secretFile(),
    api_url: httpUrl()
      .optional()
      .describe("For Jira Service Management, the successor: https://api.atlassian.com/jsm/ops/integration/"),
    message: template(),
    description: template(),
    source: template(),
    details: z.record(z.string(), z.string()).default({}),
    entity: template(),
    responders: z
      .array(
        z
          .strictObject({
            id: template(),
            name: template(),
            username: template(),
            type: requiredTemplate(
              "a responder needs a type: team, teams, user, escalation or schedule.",
            ).refine(
              (type) => type === "" || type.includes("{{") || RESPONDER_TYPES.has(type.toLowerCase()),
              "a responder's type is one of team, teams, user, escalation and schedule.",
            ),
          })
          .refine((responder) => responder.id ?? responder.name ?? responder.username, {
            message: "a responder needs one of id, name and username.",
          }),
      )
      .default([]),
    actions: template().describe("Comma-separated."),
    tags: template().describe("Comma-separated."),
    note: template(),
    priority: template().describe("P1 to P5."),
    update_alerts: z
      .boolean()
      .default(false)
      .describe("Also change message and description of an alert that is open."),
  })
  .superRefine(atMostOne("api_key", "api_key_file"));
type Config = z.output<typeof Config>;

/** Opsgenie, and Jira Service Management which speaks the same under another address. */
export const opsgenie = defineNotifier({
  type: "opsgenie",
  sendResolvedByDefault: true,
  limits: { ratePerSecond: 5, burst: 50, maxInFlight: 4 },
  config: Config,
  resolve(config, global) {
    const complete = { ...config, api_url: config.api_url ?? global.opsgenie_api_url };
    if (config.api_key ?? config.api_key_file) return complete;
    if (global.opsgenie_api_key ?? global.opsgenie_api_key_file)
      return { ...complete, api_key: global.opsgenie_api_key, api_key_file: global.opsgenie_api_key_file };
    return "no Opsgenie API key: set api_key or api_key_file here, or opsgenie_api_key in global.";
  },
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    return {
      destination: "opsgenie",
      async notify(notification, signal) {
        const key = await revealSecret(config.api_key, config.api_key_file);
        for (const { path, method, body } of requestsOf(config, deps, notification)) {
          const response = await http.request({
            url: `${(config.api_url ?? "").replace(/\/?$/, "/")}${path}`,
            method,
            headers: { "content-type": "application/json", authorization: `GenieKey ${key}` },
            body: JSON.stringify(body),
            signal,
          });
          const detail = jsonBody(response.body)?.message;
          ensureAccepted("Opsgenie", response, deps.clock.now(), {
            detail: typeof detail === "string" ? detail : undefined,
          });
        }
        if (notification.status === "resolved") return { alias: "", severity: "" };
        return { alias: aliasOf(notification), severity: severityOf(notification) ?? "" };
      },
    };
  },
});

type Call = { path: string; method: "POST" | "PUT"; body: Record<string, unknown> };

function requestsOf(config: Config, deps: NotifierDeps, notification: Notification): Call[] {
  const text = (template: string | undefined): string | undefined =>
    template === undefined ? undefined : deps.templates.text(template, notification);
  const alias = aliasOf(notification);
  // Opsgenie refuses an alert any of whose fields is too long, so each is cut to what its documentation says.
  const source = cut(text(config.source) ?? fullTextUrl(notification), 100);
  const byAlias = (action: string, of = alias): string => `v2/alerts/${of}/${action}?identifierType=alias`;
  const close = (of: string, note: string | undefined): Call => ({
    path: byAlias("close", of),
    method: "POST",
    body: { source, note: note && cut(note, 25_000) },
  });
  if (notification.status === "resolved") return [close(alias, text(config.note))];
  const message = cut(
    worded(deps.templates, notification, config.message, ({ title }) => title),
    130,
  );
  const description = cut(
    worded(deps.templates, notification, config.description, plainText),
    15_000,
    fullTextUrl(notification),
  );
  const create: Call = {
    path: "v2/alerts",
    method: "POST",
    body: {
      alias,
      message,
      description,
      source,
      details: fitting({
        ...notification.commonLabels,
        ...Object.fromEntries(
          Object.entries(config.details).map(([name, value]) => [name, text(value) ?? ""]),
        ),
      }),
      responders: config.responders.slice(0, 50).map((responder) => ({
        id: text(responder.id),
        name: text(responder.name),
        username: text(responder.username),
        type: text(responder.type),
      })),
      tags: listOf(text(config.tags))?.slice(0, 20),
      actions: listOf(text(config.actions))?.slice(0, 10),
      note: cut(text(config.note) ?? "", 25_000) || undefined,
      priority: text(config.priority),
      entity: cut(text(config.entity) ?? "", 512) || undefined,
    },
  };
  const told = openAlias(notification);
  const replaced = told === alias ? [] : [close(told, "It has become worse and goes on in another alert.")];
  if (!config.update_alerts) return [create, ...replaced];
  return [
    create,
    ...replaced,
    { path: byAlias("message"), method: "PUT", body: { message } },
    { path: byAlias("description"), method: "PUT", body: { description } },
  ];
}

/** The alert that is open at Opsgenie. */
function openAlias(notification: Notification): string {
  return String(notification.previous?.alias || incidentKey(notification));
}

/**
 * The incident's key. Opsgenie tells nobody when an open alert becomes more urgent, so a ticket that becomes a page goes on
 * as a new alert, the same over retries, in place of the old one.
 */
function aliasOf(notification: Notification): string {
  if (!hasWorsened(notification)) return openAlias(notification);
  return createHash("sha256")
    .update(`${incidentKey(notification)} ${notification.id}`)
    .digest("hex");
}

function listOf(text: string | undefined): string[] | undefined {
  return text
    ?.split(",")
    .map((item) => cut(item.trim(), 50))
    .filter((item) => item !== "");
}

/** Names and values together have room for 8,000 characters. */
function fitting(details: Readonly<Record<string, string>>): Record<string, string> {
  let room = 8_000;
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(details)) {
    room -= name.length;
    if (room <= 0) break;
    kept[name] = cut(value, Math.min(room, 2_000));
    room -= kept[name].length;
  }
  return kept;
}
