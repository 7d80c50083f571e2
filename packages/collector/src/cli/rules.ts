import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import {
  buildRouteTree,
  createHttpQueryable,
  type ReplayedAlert,
  readAlertmanagerFile,
  readRuleFile,
  replayRules,
} from "@tocsin/alerts";
import { formatDuration, formatLabels, parseDuration, systemClock } from "@tocsin/model";
import { formatProblem } from "@tocsin/model/config";
import { CLIENT_FLAGS, CLIENT_HELP, collectorClient } from "./client.js";
import { type Command, type CommandIo, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";

const FLAGS = {
  ...CLIENT_FLAGS,
  since: { type: "string" },
  routes: { type: "string" },
  prometheus: { type: "string" },
} as const;

export const rules: Command = {
  name: "rules",
  help: `tocsin rules replay FILE [flags]

Evaluates the alerts of a rule file on what was recorded. Recording rules are read from history, not replayed.

  --since DURATION    how far back (default 7d)
  --routes FILE       an alertmanager.yml: also says who would have been told
  --prometheus URL    read from another server with Prometheus's API instead of the collector
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [what, file, ...rest] = positionals;
    if (what !== "replay" || file === undefined || rest.length > 0)
      throw new UsageError("Write `tocsin rules replay FILE`.");
    const { groups, text, errors } = await readRules(file, io);
    if (errors.length > 0) {
      io.err(`${errors.join("\n")}\n`);
      return ExitCode.findings;
    }
    const client = collectorClient(flags, io);
    const token = flags.token ?? io.env.TOCSIN_TOKEN;
    const queryable = createHttpQueryable({
      url: flags.prometheus ?? `${client.url}/prometheus`,
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    });
    if (flags.prometheus === undefined) await client.request("/healthz");
    const endMs = systemClock.now();
    const sinceMs = parseDuration(flags.since ?? "7d");
    const alerts = await replayRules(groups, queryable, {
      startMs: endMs - sinceMs,
      endMs,
      defaultIntervalMs: 60_000,
      routes: await readRoutes(flags.routes, io),
    });
    if (flags.json) io.out(`${JSON.stringify(alerts.map(alertJson))}\n`);
    else {
      for (const alert of alerts) io.out(alertLine(alert, endMs));
      const count =
        alerts.length === 0
          ? "nothing would have fired"
          : `${alerts.length} alert${alerts.length === 1 ? "" : "s"} would have fired`;
      io.err(`${text}: ${count} in the last ${formatDuration(sinceMs)}\n`);
    }
    return ExitCode.good;
  },
};

async function readRules(file: string, io: CommandIo) {
  const source = { file, text: await readFile(resolve(io.cwd, file), "utf8") };
  const { groups, problems } = readRuleFile(source);
  const errors = problems
    .filter(({ severity }) => severity === "error")
    .map((problem) => formatProblem(problem, source));
  return { groups, errors, text: file };
}

async function readRoutes(file: string | undefined, io: CommandIo) {
  if (file === undefined) return undefined;
  const source = { file, text: await readFile(resolve(io.cwd, file), "utf8") };
  const { config, problems } = readAlertmanagerFile(source);
  if (!config) throw new UsageError(problems.map((problem) => formatProblem(problem, source)).join("\n"));
  return buildRouteTree(config.route);
}

function alertLine(alert: ReplayedAlert, endMs: number): string {
  const start = new Date(alert.firedAtMs).toISOString().slice(0, 16).replace("T", " ");
  const lasted = formatDuration(
    Math.round(((alert.resolvedAtMs ?? endMs) - alert.firedAtMs) / 1_000) * 1_000,
  );
  const told = alert.receivers.length > 0 ? ` → ${alert.receivers.join(", ")}` : "";
  const done = alert.actions.length > 0 ? ` · would consider ${alert.actions.join(", ")}` : "";
  return `${start}  ${alert.resolvedAtMs === undefined ? `${lasted} so far` : lasted}  ${formatLabels(alert.labels)}${told}${done}\n`;
}

function alertJson(alert: ReplayedAlert) {
  return {
    ...alert,
    firedAtMs: undefined,
    resolvedAtMs: undefined,
    firedAt: new Date(alert.firedAtMs).toISOString(),
    resolvedAt: alert.resolvedAtMs === undefined ? null : new Date(alert.resolvedAtMs).toISOString(),
  };
}
