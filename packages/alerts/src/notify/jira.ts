import { duration } from "@tocsin/model/config";
import { z } from "zod";
import { httpUrl, requiredTemplate, template } from "../config/fields.js";
import { AlertsError } from "../errors.js";
import type { HttpRequest } from "../http/client.js";
import { defineNotifier, type Notification, type NotifierDeps } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields } from "./notifier-config.js";
import { cut, fullTextUrl, incidentKey, jsonBody, plainText, worded } from "./wording.js";

/** A text, or a text with whether a later message of the same group changes it. */
function updatableText() {
  return z
    .union([
      template("").transform((text) => ({ template: text === "" ? undefined : text, enable_update: true })),
      z.strictObject({ template: template(), enable_update: z.boolean().default(true) }),
    ])
    .prefault("");
}

const Config = z.strictObject({
  ...httpFields,
  api_url: httpUrl()
    .optional()
    .describe("With the path of the API, such as https://example.atlassian.net/rest/api/2/."),
  api_type: z.enum(["auto", "cloud", "datacenter"]).default("auto"),
  project: requiredTemplate("missing project."),
  issue_type: requiredTemplate("missing issue_type."),
  summary: updatableText(),
  description: updatableText(),
  labels: z.array(template("")).default([]),
  priority: template(),
  reopen_transition: z
    .string()
    .optional()
    .describe("Transition that opens an issue again when it fires anew."),
  resolve_transition: z.string().optional().describe("Transition of an issue whose alerts have ended."),
  wont_fix_resolution: z.string().optional().describe("Issues with this resolution are left alone."),
  reopen_duration: duration()
    .optional()
    .describe("An issue that was resolved longer ago is not opened again; a new one is made."),
  fields: z.record(z.string(), z.unknown()).default({}).describe("Further fields, by their ids."),
  custom_fields: z.record(z.string(), z.unknown()).default({}).describe("Older name of fields."),
});
type Config = z.output<typeof Config>;

interface Issue {
  readonly key: string;
  readonly isDone: boolean;
}

/** Jira: one issue for each group of alerts, opened again when it fires anew. */
export const jira = defineNotifier({
  type: "jira",
  sendResolvedByDefault: true,
  config: Config,
  resolve(config, global) {
    const api_url = config.api_url ?? global.jira_api_url;
    return api_url === undefined
      ? "no Jira URL: set api_url here, or jira_api_url in global."
      : { ...config, api_url };
  },
  create: (config, deps) => ({
    destination: `jira ${config.project}`,
    async notify(notification, signal) {
      const api = jiraApi(config, deps, signal);
      const issue = await api.find(searchFor(config, deps, notification));
      const isFiring = notification.status === "firing";
      if (!issue) {
        // What was closed and forgotten, or never told, needs no issue at its end.
        if (isFiring) await api.create(fieldsOf(config, deps, notification));
        return undefined;
      }
      if (isFiring && issue.isDone && config.reopen_transition)
        await api.transition(issue.key, config.reopen_transition);
      const { summary, description, ...fields } = fieldsOf(config, deps, notification);
      await api.update(issue.key, {
        ...fields,
        ...(config.summary.enable_update ? { summary } : {}),
        ...(config.description.enable_update ? { description } : {}),
      });
      if (!isFiring && !issue.isDone && config.resolve_transition)
        await api.transition(issue.key, config.resolve_transition);
      return undefined;
    },
  }),
});

/** The five calls of Jira's REST API that are needed, versions 2 and 3. */
function jiraApi(config: Config, deps: NotifierDeps, signal: AbortSignal) {
  const http = configuredHttp(config.http_config, deps);
  const base = (config.api_url ?? "").replace(/\/?$/, "/");
  const isCloud =
    config.api_type === "cloud" ||
    (config.api_type === "auto" && new URL(base).hostname.endsWith(".atlassian.net"));

  async function call(method: HttpRequest["method"], url: string, body?: object) {
    const response = await http.request({
      url,
      signal,
      ...(method ? { method } : {}),
      headers: { "content-type": "application/json", accept: "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const answer = jsonBody(response.body) ?? {};
    const { errorMessages, errors } = answer as { errorMessages?: string[]; errors?: Record<string, string> };
    const details = [
      ...(errorMessages ?? []),
      ...Object.entries(errors ?? {}).map(([field, text]) => `${field}: ${text}`),
    ];
    ensureAccepted("Jira", response, deps.clock.now(), { detail: details.join("; ") });
    return answer;
  }

  return {
    async find(jql: string): Promise<Issue | undefined> {
      // In the cloud only version 3 searches.
      const url = isCloud ? `${base.replace(/\/2\/$/, "/3/")}search/jql` : `${base}search`;
      const { issues } = await call("POST", url, { jql, maxResults: 2, fields: ["status"] });
      const [first] = (Array.isArray(issues) ? issues : []) as {
        key: string;
        fields?: { status?: { statusCategory?: { key?: string } } };
      }[];
      return first && { key: first.key, isDone: first.fields?.status?.statusCategory?.key === "done" };
    },
    create: (fields: object) => call("POST", `${base}issue`, { fields }),
    update: (key: string, fields: object) =>
      call("PUT", `${base}issue/${encodeURIComponent(key)}`, { fields }),
    async transition(key: string, name: string): Promise<void> {
      const url = `${base}issue/${encodeURIComponent(key)}/transitions`;
      const { transitions } = await call("GET", url);
      const all = (Array.isArray(transitions) ? transitions : []) as { id: string; name: string }[];
      const found = all.find((each) => each.name === name);
      if (!found) {
        throw new AlertsError(
          "ALERTS_NOTIFY_REJECTED",
          `Jira's issue ${key} has no transition "${name}". It has: ${all.map((each) => each.name).join(", ") || "none"}.`,
        );
      }
      await call("POST", url, { transition: { id: found.id } });
    },
  };
}

/** The issue of a group carries this label. */
function groupLabel(notification: Notification): string {
  return `ALERT{${incidentKey(notification)}}`;
}

function searchFor(config: Config, { templates }: NotifierDeps, notification: Notification): string {
  const minutes = Math.ceil((config.reopen_duration ?? 0) / 60_000);
  const conditions = [
    ...(config.wont_fix_resolution ? [`resolution != ${quoted(config.wont_fix_resolution)}`] : []),
    ...(config.reopen_transition
      ? minutes > 0
        ? [`(resolutiondate is EMPTY OR resolutiondate >= -${minutes}m)`]
        : []
      : ["statusCategory != Done"]),
    `project = ${quoted(templates.text(config.project ?? "", notification))}`,
    `labels = ${quoted(groupLabel(notification))}`,
  ];
  return `${conditions.join(" AND ")} ORDER BY status ASC, resolutiondate DESC`;
}

function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function fieldsOf(config: Config, { templates }: NotifierDeps, notification: Notification) {
  const text = (written: string | undefined): string => templates.text(written ?? "", notification);
  const description = cut(
    worded(templates, notification, config.description.template, plainText),
    32_767,
    fullTextUrl(notification),
  );
  const priority = text(config.priority);
  return {
    project: { key: text(config.project) },
    issuetype: { name: text(config.issue_type) },
    summary: cut(
      worded(templates, notification, config.summary.template, ({ title }) => title).replace(/\s+/g, " "),
      255,
    ),
    description: (config.api_url ?? "").includes("/rest/api/3") ? documentOf(description) : description,
    labels: [...config.labels.map(text).filter((label) => label !== ""), groupLabel(notification)],
    ...(priority === "" ? {} : { priority: { name: priority } }),
    ...(expanded({ ...config.custom_fields, ...config.fields }, text) as Record<string, unknown>),
  };
}

/** Version 3 takes no plain text but Atlassian's document format. */
function documentOf(text: string): object {
  const content = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => ({ type: "paragraph", content: [{ type: "text", text: line }] }));
  return { type: "doc", version: 1, content };
}

/** Every text inside a value is a template. */
function expanded(value: unknown, text: (written: string) => string): unknown {
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return value.map((each) => expanded(each, text));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, expanded(each, text)]));
}
