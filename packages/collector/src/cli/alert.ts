import { userInfo } from "node:os";
import { formatLabels } from "@tocsin/model";
import type { ActionRunJson } from "../api/actions-json.js";
import type { AlertJson, ExplanationJson, NoticeJson } from "../api/alerts.js";
import { explanationText } from "./alert-explanation.js";
import { CLIENT_FLAGS, CLIENT_HELP, type CollectorClient, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";

const FLAGS = {
  ...CLIENT_FLAGS,
  by: { type: "string" },
  comment: { type: "string" },
  routes: { type: "string" },
  status: { type: "string" },
} as const;

export const alert: Command = {
  name: "alert",
  help: `tocsin alert <what> [flags]

  list                 firing first, then pending and just ended
  explain ID           why it fired, from the evidence that was stored then, and who was told
  ack ID               you have taken it on: repeats and escalation stop
  route LABEL=VALUE…   the receivers that these labels reach
  notices              what was sent, waits, or was given up (--status dead)
  resend ID            send a notice again that was given up

  --status STATUS      for notices: waiting, sent or dead
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
        const runs = await client.json<ActionRunJson[]>("/api/v1/actions?limit=100");
        const own = runs.filter(({ alert: { id } }) => id === found.id);
        show({ ...found, runs: own }, explanationText(found, own));
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
      case "notices": {
        const query = flags.status === undefined ? "" : `?status=${encodeURIComponent(flags.status)}`;
        const found = await client.json<NoticeJson[]>(`/api/v1/notifications${query}`);
        show(found, found.length === 0 ? "No notices.\n" : found.map(noticeLine).join(""));
        return ExitCode.good;
      }
      case "resend": {
        const id = needed(rest);
        const answer = await post(client, `/api/v1/notifications/${encodeURIComponent(id)}/replay`, {});
        show(answer, `${id} is sent again.\n`);
        return ExitCode.good;
      }
      default:
        throw new UsageError(`"${what}" is none of list, explain, ack, route, notices and resend.`);
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

function noticeLine({
  id,
  status,
  says,
  receiver,
  destination,
  alerts,
  attempts,
  createdAt,
  error,
}: NoticeJson): string {
  const about = alerts.map(({ labels }) => labels.alertname ?? "?").join(", ");
  const why = error === null ? "" : `\n          ${error}`;
  return `${status.padEnd(9)} ${createdAt.slice(0, 19).replace("T", " ")}  ${says} ${about} to ${receiver} (${destination}), ${attempts} ${attempts === 1 ? "try" : "tries"}  [${id}]${why}\n`;
}

function listLine(found: AlertJson): string {
  const muted = found.silencedBy.length > 0 ? " silenced" : found.inhibitedBy.length > 0 ? " inhibited" : "";
  const taken = found.acknowledged ? ` taken by ${found.acknowledged.by}` : "";
  const since = (found.startsAt ?? found.activeAt).slice(0, 19).replace("T", " ");
  return `${found.state.padEnd(9)} ${since}  ${formatLabels(found.labels)}${muted}${taken}\n          ${found.annotations.summary ?? ""}  [${found.id}]\n`;
}
