import type { RequestFigures } from "../signals/request-window.js";
import type { ServiceDetail, ServiceSignals } from "../signals/service-signals.js";
import { CLIENT_FLAGS, CLIENT_HELP, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { deploymentTable } from "./deployment-table.js";
import { count, milliseconds, percent, perSecond, quantity, table } from "./figures.js";
import { parseFlags } from "./flags.js";

const FLAGS = { ...CLIENT_FLAGS, environment: { type: "string" } } as const;

export const services: Command = {
  name: "services",
  help: `tocsin services [NAME] [flags]

  Without NAME one line per service; with NAME what is full in it, its routes, dependencies and deployments.

  --environment ENV  where a service runs in several
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [name, ...rest] = positionals;
    if (rest.length > 0) throw new UsageError(`Unexpected "${rest[0]}". One service at a time.`);
    const client = collectorClient(flags, io);
    if (name === undefined) {
      const all = await client.json<ServiceSignals[]>("/api/v1/services");
      const shown = all.filter(
        (each) => flags.environment === undefined || each.environment === flags.environment,
      );
      io.out(flags.json ? `${JSON.stringify(shown)}\n` : listText(shown));
      return ExitCode.good;
    }
    const query =
      flags.environment === undefined ? "" : `?environment=${encodeURIComponent(flags.environment)}`;
    const detail = await client.json<ServiceDetail>(`/api/v1/services/${encodeURIComponent(name)}${query}`);
    io.out(flags.json ? `${JSON.stringify(detail)}\n` : detailText(detail));
    return ExitCode.good;
  },
};

function listText(all: readonly ServiceSignals[]): string {
  if (all.length === 0) return "No service has sent anything yet.\n";
  const isBehind = all.some(({ messaging }) => messaging.some(({ lagMessages }) => lagMessages !== null));
  const waiting = isBehind ? ["waiting"] : [];
  return table(
    ["service", "version", "rate", "errors", "p50", "p95", "p99", ...waiting, "saturation", "by"],
    all.map((each) => [
      each.environment === "" ? each.service : `${each.service} (${each.environment})`,
      each.version,
      each.state === "quiet" ? "quiet" : perSecond(each.trafficPerSecond),
      percent(each.errorRatio),
      quantile(each, "p50"),
      quantile(each, "p95"),
      quantile(each, "p99"),
      ...waiting.map(() => waitingText(each.messaging)),
      each.saturation.part === null
        ? "not measured"
        : `${each.saturation.part} ${percent(each.saturation.ratio)}`,
      each.source,
    ]),
  );
}

/** Messages that wait, over all that the service consumes. */
function waitingText(messaging: ServiceSignals["messaging"]): string {
  const told = messaging.flatMap(({ lagMessages }) => lagMessages ?? []);
  return told.length === 0 ? "–" : count(told.reduce((sum, each) => sum + each, 0));
}

function detailText(detail: ServiceDetail): string {
  const { outgoing, incoming } = detail.dependencies;
  const edges = [
    ...incoming.map((edge) => ["from", edge.client, edge] as const),
    ...outgoing.map((edge) => ["to", edge.server, edge] as const),
  ];
  const sections = [
    listText([detail]),
    accuracyText(detail),
    saturationText(detail.saturation.readings),
    table(
      ["route", "rate", "errors", "p50", "p95", "p99"],
      detail.routes.map((each) => [
        each.route,
        perSecond(each.trafficPerSecond),
        percent(each.errorRatio),
        quantile(each, "p50"),
        quantile(each, "p95"),
        quantile(each, "p99"),
      ]),
    ),
  ];
  if (detail.messaging.length > 0) sections.push(messagingText(detail.messaging));
  if (detail.foldedRoutes > 0) {
    sections.push(
      "More routes than can be told apart: the rest is counted as {other}. Give them an http.route.\n",
    );
  }
  for (const { attribute, values, folded } of detail.groups) {
    sections.push(groupsText(attribute, values));
    if (folded > 0) {
      sections.push(`More values of ${attribute} than can be told apart: the rest is counted as {other}.\n`);
    }
  }
  if (detail.jobs.length > 0) sections.push(jobsText(detail.jobs));
  if (edges.length > 0) {
    sections.push(
      table(
        ["calls", "", "rate", "errors", "p95"],
        edges.map(([direction, name, edge]) => [
          direction,
          name,
          perSecond(edge.trafficPerSecond),
          percent(edge.errorRatio),
          milliseconds(edge.latencySeconds.p95),
        ]),
      ),
    );
  }
  if (detail.deployments.length > 0) sections.push(deploymentTable(detail.deployments));
  return sections.filter((section) => section !== "").join("\n");
}

/** A latency; one beyond the sender's last bucket is known to be that great at least. */
function quantile(
  { latencySeconds, latencyRelativeErrors }: Pick<RequestFigures, "latencySeconds" | "latencyRelativeErrors">,
  name: "p50" | "p95" | "p99",
): string {
  const seconds = latencySeconds[name];
  return `${seconds !== null && latencyRelativeErrors[name] === null ? "≥ " : ""}${milliseconds(seconds)}`;
}

function accuracyText({ latencySeconds, latencyRelativeErrors }: ServiceDetail): string {
  const told = (["p50", "p95", "p99"] as const).flatMap((name) => {
    if (latencySeconds[name] === null) return [];
    const error = latencyRelativeErrors[name];
    return error === null ? `${name} beyond the sender's last bucket` : `${name} ± ${percent(error)}`;
  });
  return told.length === 0 ? "" : `Latencies are right to: ${told.join(", ")}\n`;
}

function saturationText(readings: ServiceDetail["saturation"]["readings"]): string {
  return table(
    ["part", "full", "measured", "full at", "of", "instance"],
    readings.map(({ part, ratio, value, unit, fullAt, name, instance }) => [
      part,
      percent(ratio),
      quantity(value, unit),
      quantity(fullAt, unit),
      name,
      instance,
    ]),
  );
}

function groupsText(attribute: string, values: ServiceDetail["groups"][number]["values"]): string {
  return table(
    [attribute, "rate", "errors", "p50", "p95", "p99"],
    values.map((each) => [
      each.value,
      perSecond(each.trafficPerSecond),
      percent(each.errorRatio),
      quantile(each, "p50"),
      quantile(each, "p95"),
      quantile(each, "p99"),
    ]),
  );
}

function messagingText(messaging: ServiceDetail["messaging"]): string {
  return table(
    ["consumes", "of", "group", "waiting", "oldest", "age p50", "p95", "p99"],
    messaging.map((each) => [
      each.destination,
      each.system,
      each.consumerGroup,
      each.lagMessages === null ? "–" : count(each.lagMessages),
      milliseconds(each.oldestSeconds),
      milliseconds(each.ageSeconds.p50),
      milliseconds(each.ageSeconds.p95),
      milliseconds(each.ageSeconds.p99),
    ]),
  );
}

function jobsText(jobs: ServiceDetail["jobs"]): string {
  return table(
    ["job", "runs in 1 h", "failed", "last took", "last success", "last failure"],
    jobs.map((each) => [
      each.job,
      String(each.requests),
      percent(each.errorRatio),
      milliseconds(each.lastDurationSeconds),
      each.lastSuccessAt ?? "never seen",
      each.lastFailureAt ?? "",
    ]),
  );
}
