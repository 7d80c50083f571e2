import { nearestName } from "@tocsin/model";
import { type ConfigDocument, type Path, validate } from "@tocsin/model/config";
import { percentRatio } from "../objective.js";
import type { SloOrigin, WrittenPlace } from "../origin.js";
import type { SloSpec } from "../spec.js";
import { type Catalogue, define, type SloEntry } from "./catalogue.js";
import { alertingOf } from "./openslo-alerting.js";
import { readAlpha } from "./openslo-alpha.js";
import { budgetingOf, periodOf, sliOf } from "./openslo-parts.js";
import { type Metadata, type Objective, OPEN_SLO_KINDS } from "./openslo-schema.js";
import type { ReadSlos } from "./read-slos.js";
import { withSettings } from "./settings.js";

/** Whether a document is one of OpenSLO's. */
export function isOpenSlo(value: unknown): boolean {
  return (
    typeof (value as { apiVersion?: unknown } | null)?.apiVersion === "string" &&
    String((value as { apiVersion: string }).apiVersion).startsWith("openslo/")
  );
}

/** SLOs of OpenSLO documents. An SLO with several objectives becomes one SLO per objective. */
export function readOpenSlo(documents: readonly ConfigDocument[]): ReadSlos {
  const catalogue: Catalogue = {
    slos: [],
    slis: [],
    dataSourceTypes: [],
    policies: [],
    conditions: [],
    targets: [],
    problems: [],
  };
  const read: [SloSpec, SloOrigin][] = [];
  for (const document of documents) {
    if ((document.value as { apiVersion: string }).apiVersion === "openslo/v1alpha")
      read.push(...readAlpha(document, catalogue.problems));
    else catalogueDocument(document, catalogue);
  }
  for (const entry of catalogue.slos) read.push(...readEntry(entry, catalogue));
  return { specs: read.map(([spec]) => spec), problems: catalogue.problems, origins: new Map(read) };
}

function catalogueDocument(document: ConfigDocument, catalogue: Catalogue): void {
  const { apiVersion, kind } = document.value as { apiVersion: string; kind?: unknown };
  if (apiVersion !== "openslo/v1") {
    catalogue.problems.push(
      document.problemAt(["apiVersion"], {
        code: "slo/openslo-version",
        message: `"${apiVersion}" is not a version of OpenSLO that is known here.`,
        hint: "Write openslo/v1.",
      }),
    );
    return;
  }
  const known = Object.keys(OPEN_SLO_KINDS);
  if (typeof kind !== "string" || !known.includes(kind)) {
    const nearest = nearestName(String(kind), known);
    catalogue.problems.push(
      document.problemAt(["kind"], {
        code: "slo/openslo-kind",
        message: `"${String(kind)}" is not a kind of OpenSLO.`,
        hint: nearest ? `Did you mean "${nearest}"?` : `Kinds: ${known.join(", ")}.`,
      }),
    );
    return;
  }
  const { problems } = catalogue;
  switch (kind as keyof typeof OPEN_SLO_KINDS) {
    case "SLO":
      add(OPEN_SLO_KINDS.SLO, ({ metadata, spec }) =>
        define(catalogue.slos, "SLO", { name: metadata.name, metadata, spec, document }, problems),
      );
      break;
    case "SLI":
      add(OPEN_SLO_KINDS.SLI, ({ metadata: { name }, spec }) =>
        define(catalogue.slis, "SLI", { name, spec, document }, problems),
      );
      break;
    case "DataSource":
      add(OPEN_SLO_KINDS.DataSource, ({ metadata: { name }, spec }) =>
        define(catalogue.dataSourceTypes, "DataSource", { name, spec: spec.type, document }, problems),
      );
      break;
    case "AlertPolicy":
      add(OPEN_SLO_KINDS.AlertPolicy, ({ metadata: { name }, spec }) =>
        define(catalogue.policies, "AlertPolicy", { name, spec, document }, problems),
      );
      break;
    case "AlertCondition":
      add(OPEN_SLO_KINDS.AlertCondition, ({ metadata, spec }) =>
        define(
          catalogue.conditions,
          "AlertCondition",
          { name: metadata.name, metadata, spec, document },
          problems,
        ),
      );
      break;
    case "Service":
      add(OPEN_SLO_KINDS.Service, () => 0);
      break;
    case "AlertNotificationTarget":
      add(OPEN_SLO_KINDS.AlertNotificationTarget, ({ metadata: { name }, spec }) =>
        define(catalogue.targets, "AlertNotificationTarget", { name, spec: spec.target, document }, problems),
      );
      break;
  }

  function add<T extends Parameters<typeof validate>[0]>(
    schema: T,
    take: (value: Extract<ReturnType<typeof validate<T>>, { ok: true }>["value"]) => unknown,
  ): void {
    const result = validate(schema, document);
    if (result.ok) take(result.value);
    else catalogue.problems.push(...result.problems);
  }
}

function readEntry(entry: SloEntry, catalogue: Catalogue): [SloSpec, SloOrigin][] {
  const { spec, document, name, metadata } = entry;
  const { problems } = catalogue;
  const period = periodOf(spec.timeWindow[0], document, catalogue);
  const alerting = alertingOf(entry, period, catalogue);
  const names = namesOf(entry);
  const read = spec.objectives.map((objective, index): [SloSpec, SloOrigin] => {
    const path: Path = ["spec", "objectives", index];
    const { line } = document.problemAt(path, { code: "", message: "" });
    const own: SloSpec = {
      name: names[index] ?? name,
      description: spec.description ?? metadata.displayName ?? "",
      service: spec.service,
      environment: undefined,
      objective: objective.target ?? percentRatio(objective.targetPercent ?? 0),
      period,
      sli: sliOf(entry, objective, path, catalogue),
      budgeting: budgetingOf(entry, objective, path, catalogue),
      by: [],
      evidenceGate: true,
      corrections: [],
      actions: { page: [], ticket: [] },
      labels: labelsOf(metadata),
      annotations: annotationsOf(metadata),
      place: `${document.source.file}:${line}`,
      ...alerting,
    };
    const whole = names.length === 1 ? withSettings(own, metadata, document, problems) : own;
    return [whole, originOf(entry, objective, path, catalogue)];
  });
  const objectives = read.map(([own]) => own);
  const [first] = objectives;
  const isComposite = spec.objectives.some(({ indicator, indicatorRef }) => indicator || indicatorRef);
  if (!isComposite || !first || objectives.length === 1) return read;
  const whole: SloSpec = {
    ...first,
    name,
    // The parts' budgets are spent together; the strictest promise is the whole's.
    objective: Math.max(...objectives.map(({ objective }) => objective)),
    budgeting: { kind: "occurrences" },
    sli: {
      kind: "composite",
      parts: objectives.map((part, index) => ({
        slo: part.name,
        weight: spec.objectives[index]?.compositeWeight ?? 1,
      })),
    },
  };
  return [...read, [whole, { locate: () => ({ document, path: ["spec", "objectives"] }) }]];
}

/** One name per objective: the SLO's own where there is one, else with the objective's display name, or its number. */
function namesOf({ name, spec }: SloEntry): string[] {
  if (spec.objectives.length === 1) return [name];
  const names: string[] = [];
  for (const [index, { displayName }] of spec.objectives.entries()) {
    const words = (displayName ?? "").toLowerCase().match(/[a-z0-9]+/g);
    const wanted = `${name}-${words ? words.join("-") : index + 1}`;
    names.push(names.includes(wanted) ? `${wanted}-${index + 1}` : wanted);
  }
  return names;
}

/** Labels as alerts carry them; several values of one label are joined. */
function labelsOf({ labels }: Metadata): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [
      key.replaceAll(/[^a-zA-Z0-9_]/g, "_"),
      Array.isArray(value) ? value.join(",") : value,
    ]),
  );
}

/** Annotations that are not written for programs, ours or OpenSLO's. */
function annotationsOf({ annotations }: Metadata): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([key]) => !/^(tocsin|openslo\.com)\//.test(key)),
  );
}

/** Where the fields of the short form stand in OpenSLO's; an indicator may stand in a document of its own. */
function originOf(
  { spec, document }: SloEntry,
  objective: Objective,
  path: Path,
  { slis }: Catalogue,
): SloOrigin {
  const reference = objective.indicatorRef ?? spec.indicatorRef;
  const referred = slis.find(({ name }) => name === reference);
  const sli: WrittenPlace = objective.indicator
    ? { document, path: [...path, "indicator", "spec"] }
    : spec.indicator
      ? { document, path: ["spec", "indicator", "spec"] }
      : { document: referred?.document ?? document, path: ["spec"] };
  const found = (objective.indicator ?? spec.indicator)?.spec ?? referred?.spec;
  return {
    locate([first, second]) {
      switch (first) {
        case "objective":
          return {
            document,
            path: [...path, objective.target === undefined ? "targetPercent" : "target"],
          };
        case "window":
          return { document, path: ["spec", "timeWindow", 0, "duration"] };
        case "alerting":
          return { document, path: ["spec", "alertPolicies"] };
        case "sli": {
          const metric =
            second !== "query"
              ? ["ratioMetric", String(second)]
              : found?.ratioMetric
                ? ["ratioMetric", "raw"]
                : ["thresholdMetric"];
          return { document: sli.document, path: [...sli.path, ...metric, "metricSource", "spec", "query"] };
        }
        default:
          return { document, path };
      }
    },
  };
}
