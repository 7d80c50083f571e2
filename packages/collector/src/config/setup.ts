import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import {
  type AlertingConfig,
  alertingWarnings,
  type LoadedGroup,
  readAlertmanagerFile,
  readRuleFile,
  templateFileProblems,
  unknownActionNames,
} from "@tocsin/alerts";
import { messageOf } from "@tocsin/model";
import {
  type ConfigDocument,
  type ConfigSource,
  type Path,
  type Problem,
  sortProblems,
} from "@tocsin/model/config";
import { compileSlo } from "../slo/compile.js";
import { readSloDocuments } from "../slo/documents/read-documents.js";
import type { ReadSlos } from "../slo/documents/read-slos.js";
import { lintProblems } from "../slo/lint.js";
import { type SloOrigin, type SloOrigins, shortFormOrigin } from "../slo/origin.js";
import type { SloSpec } from "../slo/spec.js";
import { filesMatching } from "./file-pattern.js";
import { loadConfig } from "./load.js";
import type { CollectorConfig } from "./schema.js";

/** A configuration with every file that it names, read and checked. */
export interface Setup {
  readonly config: CollectorConfig;
  /** Undefined: the defaults. */
  readonly file: string | undefined;
  /** Where relative names begin. */
  readonly folder: string;
  /** Of the short form and of `slo_files`. */
  readonly slos: readonly SloSpec[];
  readonly ruleGroups: readonly LoadedGroup[];
  /** Inline, or of `alerting.config_file`. */
  readonly alerting: AlertingConfig;
  /** Texts of the files under `alerting.templates`. */
  readonly templateSources: readonly string[];
}

export interface LoadedSetup {
  /** Undefined when there is an error among the problems. */
  readonly setup: Setup | undefined;
  /** In the order of files and places; warnings too. */
  readonly problems: readonly Problem[];
  /** Every file that was read, for showing problems with their lines. */
  readonly sources: readonly ConfigSource[];
  /** SLOs that could be read, also when there are errors elsewhere, and where they were written. */
  readonly origins: SloOrigins;
}

/**
 * Reads `tocsin.yaml` and everything it points to: rule files, SLO files, Alertmanager's configuration, templates.
 * All faults of all files come together.
 *
 * @param file undefined gives the defaults
 * @param folder where relative names begin
 * @throws {CollectorError} CONFIG_UNREADABLE when `file` itself cannot be read
 */
export async function loadSetup(
  file: string | undefined,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LoadedSetup> {
  const loaded = await loadConfig(file, env);
  if (!loaded.ok)
    return {
      setup: undefined,
      problems: loaded.problems,
      sources: [loaded.source],
      origins: new Map(),
    };
  const { config, document, source } = loaded;
  const reading = new Reading(document, folder, source);
  const ruleGroups = await readRules(config, reading);
  const fileSlos = await readSlos(config, reading);
  const alerting = await readAlerting(config, reading);
  const templateSources = await reading.texts(alerting?.templates ?? [], ["alerting", "templates"]);
  const ownSlos = config.slos.map((slo, index) => compileSlo(slo, reading.placeOf(["slos", index])));
  const slos = [...ownSlos, ...fileSlos.specs];
  const origins = new Map<SloSpec, SloOrigin>(fileSlos.origins);
  if (document) {
    for (const [index, slo] of ownSlos.entries())
      origins.set(slo, shortFormOrigin(document, ["slos", index]));
  }
  for (const source of templateSources) reading.problems.push(...templateFileProblems(source));
  checkActions(config, slos, reading);
  checkRuleActions(config, ruleGroups, reading);
  checkNames(slos, config.slos.length, reading);
  reading.problems.push(
    ...lintProblems(slos, origins, config.store === "none" ? {} : { retentionMs: config.retention.metrics }),
  );
  const problems = sortProblems(reading.problems);
  const failed = alerting === undefined || problems.some(({ severity }) => severity === "error");
  const setup = failed
    ? undefined
    : {
        config,
        file,
        folder,
        slos,
        ruleGroups,
        alerting,
        templateSources: templateSources.map(({ text }) => text),
      };
  return { setup, problems, sources: reading.sources, origins };
}

/** Files that are read on account of one configuration, and what is wrong with them. */
class Reading {
  readonly sources: ConfigSource[] = [];
  readonly problems: Problem[] = [];
  readonly document: ConfigDocument | undefined;
  readonly #folder: string;

  constructor(document: ConfigDocument | undefined, folder: string, source: ConfigSource | undefined) {
    this.document = document;
    this.#folder = folder;
    if (source) this.sources.push(source);
  }

  /** The texts of all files that fit the patterns standing at `path`. */
  async texts(patterns: readonly string[], path: Path): Promise<ConfigSource[]> {
    const found: ConfigSource[] = [];
    for (const [index, pattern] of patterns.entries()) {
      for (const file of await filesMatching(resolve(this.#folder, pattern))) {
        try {
          found.push({ file, text: await readFile(file, "utf8") });
        } catch (error) {
          this.fault([...path, index], "config/unreadable", `Cannot read ${file}: ${messageOf(error)}.`);
        }
      }
    }
    this.sources.push(...found);
    return found;
  }

  /** Notes a fault at a place of the configuration itself. */
  fault(path: Path, code: string, message: string): void {
    if (this.document) this.problems.push(this.document.problemAt(path, { code, message }));
  }

  /** `tocsin.yaml:12`, for showing where something was defined. */
  placeOf(path: Path): string | undefined {
    const at = this.document?.problemAt(path, { code: "", message: "" });
    return at && `${at.file}:${at.line}`;
  }
}

async function readRules(config: CollectorConfig, reading: Reading): Promise<LoadedGroup[]> {
  const read = (await reading.texts(config.rule_files, ["rule_files"])).map(readRuleFile);
  reading.problems.push(...read.flatMap(({ problems }) => problems));
  return read.flatMap(({ groups }) => groups);
}

async function readSlos(config: CollectorConfig, reading: Reading): Promise<ReadSlos> {
  const read = readSloDocuments(await reading.texts(config.slo_files, ["slo_files"]));
  reading.problems.push(...read.problems);
  return read;
}

async function readAlerting(config: CollectorConfig, reading: Reading): Promise<AlertingConfig | undefined> {
  const { config_file } = config.alerting;
  if (config_file === undefined) {
    if (reading.document)
      reading.problems.push(...alertingWarnings(config.alerting, reading.document, ["alerting"]));
    return config.alerting;
  }
  const [source] = await reading.texts([config_file], ["alerting", "config_file"]);
  if (!source) return undefined;
  const read = readAlertmanagerFile(source);
  reading.problems.push(...read.problems);
  // What only Tocsin knows cannot stand in Alertmanager's file, so it is taken from here.
  const { allow_private_targets, fallback_receiver, expire_after, heartbeat } = config.alerting;
  return read.config && { ...read.config, allow_private_targets, fallback_receiver, expire_after, heartbeat };
}

/** Actions that SLOs name must exist: an alert that cannot act as promised is found out before it fires. */
function checkActions(config: CollectorConfig, slos: readonly SloSpec[], reading: Reading): void {
  for (const [index, slo] of slos.entries()) {
    for (const severity of ["page", "ticket"] as const) {
      for (const { message } of unknownActionNames(slo.actions[severity], config.actions)) {
        reading.fault(["slos", index, "actions", severity], "slo/unknown-action", message);
      }
    }
  }
}

function checkRuleActions(config: CollectorConfig, groups: readonly LoadedGroup[], reading: Reading): void {
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
