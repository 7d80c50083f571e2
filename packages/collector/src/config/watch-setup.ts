import {
  type AlertingConfig,
  alertingWarnings,
  buildRouteTree,
  type LoadedGroup,
  matchRoutes,
  readAlertmanagerFile,
  readRuleFile,
  templateFileProblems,
  unknownActionNames,
  WATCHDOG,
} from "@tocsin/alerts";
import { compileSlo } from "../slo/compile.js";
import { readSloDocuments } from "../slo/documents/read-documents.js";
import type { ReadSlos } from "../slo/documents/read-slos.js";
import { withUniqueNames } from "../slo/documents/unique-names.js";
import { lintProblems } from "../slo/lint.js";
import { type SloOrigin, type SloOrigins, shortFormOrigin } from "../slo/origin.js";
import type { SloSpec } from "../slo/spec.js";
import type { Reading } from "./reading.js";
import type { WholeConfig } from "./watch-schema.js";

/** SLOs, rules, alerts and actions of a configuration, with every file that it names for them. */
export interface WatchSetup {
  /** Of the short form and of `slo_files`. */
  readonly slos: readonly SloSpec[];
  readonly ruleGroups: readonly LoadedGroup[];
  /** For rule groups without an interval of their own. */
  readonly evaluationIntervalMs: number;
  /** Inline, or of `alerting.config_file`. */
  readonly alerting: AlertingConfig;
  /** Texts of the files under `alerting.templates`. */
  readonly templateSources: readonly string[];
  readonly actions: WholeConfig["actions"];
  /** Added to alerts on their way out. */
  readonly externalLabels: WholeConfig["external_labels"];
  /** Files that all this was read from, `*` for any name; relative to the configuration. */
  readonly files: readonly string[];
}

/** What was read; faults are among the problems of the reading. */
interface ReadWatch {
  /** Undefined: Alertmanager's file cannot be used. */
  readonly watch: WatchSetup | undefined;
  /** SLOs that could be read and where they were written. */
  readonly origins: SloOrigins;
}

/** Reads and checks what is watched; faults are noted in `reading`. */
export async function readWatch(config: WholeConfig, reading: Reading): Promise<ReadWatch> {
  const ruleGroups = await readRules(config, reading);
  const fileSlos = await readSlos(config, reading);
  const alerting = await readAlerting(config, reading);
  const templateSources = await reading.texts(alerting?.templates ?? [], ["alerting", "templates"]);
  const ownSlos = config.slos.map((slo, index) => compileSlo(slo, reading.placeOf(["slos", index])));
  const slos = [...ownSlos, ...fileSlos.specs];
  const origins = new Map<SloSpec, SloOrigin>(fileSlos.origins);
  const { document } = reading;
  if (document) {
    for (const [index, slo] of ownSlos.entries())
      origins.set(slo, shortFormOrigin(document, ["slos", index]));
  }
  for (const source of templateSources) reading.problems.push(...templateFileProblems(source));
  checkActions(config, slos, reading);
  checkRuleActions(config, ruleGroups, reading);
  checkNames(slos, config.slos.length, reading);
  reading.problems.push(
    ...lintProblems(slos, origins, {
      groupBy: config.signals.group_by,
      ...(config.store === "none" ? {} : { retentionMs: config.retention.metrics }),
    }),
  );
  const watch = alerting && {
    slos,
    ruleGroups,
    evaluationIntervalMs: config.evaluation_interval,
    alerting,
    templateSources: templateSources.map(({ text }) => text),
    actions: config.actions,
    externalLabels: config.external_labels,
    files: filesOf(config, alerting),
  };
  return { watch, origins };
}

function filesOf(config: WholeConfig, { templates }: AlertingConfig): string[] {
  const { config_file } = config.alerting;
  return [
    ...config.rule_files,
    ...config.slo_files,
    ...templates,
    ...(config_file === undefined ? [] : [config_file]),
  ];
}

async function readRules(config: WholeConfig, reading: Reading): Promise<LoadedGroup[]> {
  const read = (await reading.texts(config.rule_files, ["rule_files"])).map((source) =>
    readRuleFile(source, { retentionMs: config.store === "none" ? undefined : config.retention.metrics }),
  );
  reading.problems.push(...read.flatMap(({ problems }) => problems));
  return read.flatMap(({ groups }) => groups);
}

async function readSlos(config: WholeConfig, reading: Reading): Promise<ReadSlos> {
  const read = withUniqueNames(readSloDocuments(await reading.texts(config.slo_files, ["slo_files"])));
  reading.problems.push(...read.problems);
  return read;
}

async function readAlerting(config: WholeConfig, reading: Reading): Promise<AlertingConfig | undefined> {
  const { config_file } = config.alerting;
  if (config_file === undefined) {
    if (reading.document)
      reading.problems.push(...alertingWarnings(config.alerting, reading.document, ["alerting"]));
    checkWatchdog(config.alerting, reading);
    return config.alerting;
  }
  const [source] = await reading.texts([config_file], ["alerting", "config_file"]);
  if (!source) return undefined;
  const read = readAlertmanagerFile(source);
  reading.problems.push(...read.problems);
  // What only Tocsin knows cannot stand in Alertmanager's file, so it is taken from here.
  const { allow_private_targets, fallback_receiver, expire_after } = config.alerting;
  const { heartbeat, watchdog, warn_before_silence_ends, group_incidents } = config.alerting;
  const own = {
    allow_private_targets,
    fallback_receiver,
    expire_after,
    heartbeat,
    watchdog,
    warn_before_silence_ends,
    group_incidents,
  };
  if (read.config) checkWatchdog({ ...read.config, ...own }, reading);
  return read.config && { ...read.config, ...own };
}

/** A dead man's alert that nobody hears is no switch. */
function checkWatchdog(alerting: AlertingConfig, reading: Reading): void {
  if (!alerting.watchdog || matchRoutes(buildRouteTree(alerting.route), { alertname: WATCHDOG }).length > 0)
    return;
  reading.warning(
    ["alerting", "watchdog"],
    "alerting/watchdog-unrouted",
    `No route names ${WATCHDOG}, so nobody hears it. Add a route with matchers: ['alertname="${WATCHDOG}"'], or use heartbeat.`,
  );
}

/** Actions that SLOs name must exist: an alert that cannot act as promised is found out before it fires. */
function checkActions(config: WholeConfig, slos: readonly SloSpec[], reading: Reading): void {
  for (const [index, slo] of slos.entries()) {
    for (const severity of ["page", "ticket"] as const) {
      for (const { message } of unknownActionNames(slo.actions[severity], config.actions)) {
        reading.fault(["slos", index, "actions", severity], "slo/unknown-action", message);
      }
    }
  }
}

function checkRuleActions(config: WholeConfig, groups: readonly LoadedGroup[], reading: Reading): void {
  for (const { name, place, actions } of groups.flatMap(({ rules }) => rules)) {
    const [, file = place, line = "1"] = /^(.*):(\d+)$/.exec(place) ?? [];
    for (const { message } of unknownActionNames(actions, config.actions)) {
      reading.problems.push({
        file,
        line: Number(line),
        column: 1,
        length: 1,
        severity: "error",
        code: "rule/unknown-action",
        message: `The alert "${name}" names an action that is not there. ${message}`,
      });
    }
  }
}

function checkNames(slos: readonly SloSpec[], inlineCount: number, reading: Reading): void {
  const seen = new Set<string>();
  for (const [index, { name, place }] of slos.entries()) {
    const message = `The SLO "${name}"${index < inlineCount ? "" : ` of ${place}`} is defined twice.`;
    if (seen.has(name))
      reading.fault(index < inlineCount ? ["slos", index, "name"] : ["slo_files"], "slo/duplicate", message);
    seen.add(name);
  }
}
