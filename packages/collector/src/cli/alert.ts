import { userInfo } from "node:os";
import type { Evidence } from "@tocsin/alerts";
import { formatLabels } from "@tocsin/model";
import type { AlertJson, ExplanationJson } from "../api/alerts.js";
import { CLIENT_FLAGS, CLIENT_HELP, type CollectorClient, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";

const FLAGS = {
  ...CLIENT_FLAGS,
  by: { type: "string" },
  comment: { type: "string" },
  routes: { type: "string" },
} as const;

export const alert: Command = {
  name: "alert",
  help: `tocsin alert <what> [flags]

  list                 firing first, then pending and just ended
  explain ID           why it fired, from the evidence that was stored then, and who was told
  ack ID               you have taken it on: repeats and escalation stop
  route LABEL=VALUE…   the receivers that these labels reach

  --by NAME            who you are (default: your user name here)
  --comment TEXT       for ack
  --routes FILE        for route: an alertmanager.yml instead of the collector's routes
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [what = "list", ...rest] = positionals;
    const client = collectorClient(flags, io);
    const show = (value: unknown, text: string): void =>
      io.out(flags.json ? `${JSON.stringify(value)}\n` : text);
    switch (what) {
      case "list": {
        const alerts = await client.json<AlertJson[]>("/api/v1/alerts");
        show(alerts, alerts.length === 0 ? "No alerts.\n" : alerts.map(listLine).join(""));
        return ExitCode.good;
      }
      case "explain": {
        const found = await client.json<ExplanationJson>(
          `/api/v1/alerts/${encodeURIComponent(needed(rest))}/explain`,
        );
        show(found, explanationText(found));
        return ExitCode.good;
      }
      case "ack": {
        const body = { by: flags.by ?? userInfo().username, comment: flags.comment ?? "" };
        const answer = await post(
          client,
          `/api/v1/alerts/${encodeURIComponent(needed(rest))}/acknowledge`,
          body,
        );
        show(answer, `Acknowledged by ${body.by}; it ends with the alert.\n`);
        return ExitCode.good;
      }
      case "route": {
        // Only this reads Alertmanager's configuration; the others need not wait for that code.
        const { labelsOf, routesOf } = await import("./alert-route.js");
        const found = await routesOf(labelsOf(rest), flags.routes, client, io);
        show(found, found.map(({ receiver, route }) => `${receiver}  ${route}\n`).join(""));
        return ExitCode.good;
      }
      default:
        throw new UsageError(`"${what}" is none of list, explain, ack and route.`);
    }
  },
};

function needed([id, ...rest]: readonly string[]): string {
  if (id === undefined || rest.length > 0)
    throw new UsageError("Name one alert by its ID; `tocsin alert list` shows them.");
  return id;
}

function post(client: CollectorClient, path: string, body: unknown): Promise<unknown> {
  return client.json(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

function listLine(found: AlertJson): string {
  const muted = found.silencedBy.length > 0 ? " silenced" : found.inhibitedBy.length > 0 ? " inhibited" : "";
  const taken = found.acknowledged ? ` taken by ${found.acknowledged.by}` : "";
  const since = (found.startsAt ?? found.activeAt).slice(0, 19).replace("T", " ");
  return `${found.state.padEnd(9)} ${since}  ${formatLabels(found.labels)}${muted}${taken}\n          ${found.annotations.summary ?? ""}  [${found.id}]\n`;
}

function explanationText(found: ExplanationJson): string {
  const { evidence } = found;
  const lines = [
    `${found.name} ${found.state} since ${found.startsAt ?? found.activeAt}`,
    `  ${formatLabels(found.labels)}`,
  ];
  if (!evidence) lines.push("  It has not fired yet, so there is no evidence.");
  else lines.push(...evidenceLines(evidence));
  if (evidence && (evidence.changes ?? []).length === 0)
    lines.push("  What changed no deployment in the hour before");
  lines.push(
    ...found.notices.map(
      ({ receiver, destination, status, attempts, error }) =>
        `  Sent         ${receiver} (${destination}) ${status} after ${attempts} ${attempts === 1 ? "try" : "tries"}${error ? `: ${error}` : ""}`,
    ),
  );
  lines.push(
    ...(found.actions.length > 0 ? [`  Actions      ${found.actions.join(", ")}`] : []),
    ...(found.replay ? [`  Replayed     just now from stored samples: ${found.replay.text}`] : []),
  );
  return `${lines.join("\n")}\n`;
}

function evidenceLines(evidence: Partial<Evidence>): string[] {
  const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(3))} %`;
  return [
    ...(evidence.condition ? [`  Condition    ${evidence.condition}`] : []),
    ...(evidence.windows ?? []).map(
      ({ window, bad, total, errorRatio, burnRate, limit }) =>
        `  Window ${window.padEnd(5)} ${bad} of ${total} bad, ${percent(errorRatio)}, burn ${Number(burnRate.toPrecision(3))}× (limit ${Number(limit.toPrecision(3))}×)`,
    ),
    ...(evidence.values ?? []).map(({ name, value }) => `  Value        ${value} = ${name}`),
    ...(evidence.changes ?? []).map(
      ({ kind, text, atMs }) => `  What changed ${kind} ${text} at ${new Date(atMs).toISOString()}`,
    ),
    ...(evidence.where ?? []).map(
      ({ by, value, share, bad, total }) =>
        `  Where        ${by} ${value}: ${percent(share)} of the bad ones (${bad} of ${total})`,
    ),
    ...(evidence.traceIds?.length ? [`  Traces       ${evidence.traceIds.join(" ")}`] : []),
  ];
}
