import { nearestName } from "@tocsin/model";
import { type ConfigDocument, type Path, validate } from "@tocsin/model/config";
import { ratioQueries } from "../compile.js";
import type { SloOrigin, WrittenPlace } from "../origin.js";
import { nominalMs } from "../period.js";
import type { Period, SloSpec } from "../spec.js";
import { defaultPairs } from "../window-pair.js";
import { alertingOf, budgetingOf, type Catalogue, periodOf, type SloEntry, sliOf } from "./openslo-parts.js";
import { type Objective, OPEN_SLO_KINDS, OpenSloAlpha } from "./openslo-schema.js";
import type { ReadSlos } from "./read-slos.js";

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
    problems: [],
  };
  const read: [SloSpec, SloOrigin][] = [];
  for (const document of documents) {
    if ((document.value as { apiVersion: string }).apiVersion === "openslo/v1alpha")
      read.push(...readAlpha(document, catalogue));
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
  switch (kind as keyof typeof OPEN_SLO_KINDS) {
    case "SLO":
      add(OPEN_SLO_KINDS.SLO, ({ metadata, spec }) =>
        catalogue.slos.push({ name: metadata.name, displayName: metadata.displayName, spec, document }),
      );
      break;
    case "SLI":
      add(OPEN_SLO_KINDS.SLI, ({ metadata, spec }) =>
        catalogue.slis.push({ name: metadata.name, spec, document }),
      );
      break;
    case "DataSource":
      add(OPEN_SLO_KINDS.DataSource, ({ metadata, spec }) =>
        catalogue.dataSourceTypes.push({ name: metadata.name, spec: spec.type }),
      );
      break;
    case "AlertPolicy":
      add(OPEN_SLO_KINDS.AlertPolicy, ({ metadata, spec }) =>
        catalogue.policies.push({ name: metadata.name, spec }),
      );
      break;
    case "AlertCondition":
      add(OPEN_SLO_KINDS.AlertCondition, ({ metadata, spec }) =>
        catalogue.conditions.push({ name: metadata.name, spec }),
      );
      break;
    case "Service":
      add(OPEN_SLO_KINDS.Service, () => 0);
      break;
    case "AlertNotificationTarget":
      add(OPEN_SLO_KINDS.AlertNotificationTarget, () => 0);
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
  const { spec, document, name } = entry;
  const period = periodOf(spec.timeWindow?.[0], document, catalogue);
  const isComposite = spec.objectives.some(({ indicator, indicatorRef }) => indicator || indicatorRef);
  const alerting = alertingOf(spec, period, document, catalogue);
  const read = spec.objectives.map((objective, index): [SloSpec, SloOrigin] => {
    const path: Path = ["spec", "objectives", index];
    const { line } = document.problemAt(path, { code: "", message: "" });
    const own: SloSpec = {
      name: spec.objectives.length === 1 ? name : `${name}-${suffix(objective, index)}`,
      description: spec.description ?? entry.displayName ?? "",
      service: spec.service,
      environment: undefined,
      objective: objective.target ?? Number(`${objective.targetPercent ?? 0}e-2`),
      period,
      sli: sliOf(entry, objective, path, catalogue),
      budgeting: budgetingOf(entry, objective, path, catalogue),
      by: [],
      evidenceGate: true,
      corrections: [],
      actions: { page: [], ticket: [] },
      disabled: [],
      place: `${document.source.file}:${line}`,
      ...alerting,
    };
    return [own, originOf(entry, objective, path, catalogue)];
  });
  const objectives = read.map(([own]) => own);
  const [first] = objectives;
  if (!isComposite || !first) return read;
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

function readAlpha(document: ConfigDocument, catalogue: Catalogue): [SloSpec, SloOrigin][] {
  const result = validate(OpenSloAlpha, document);
  if (!result.ok) {
    catalogue.problems.push(...result.problems);
    return [];
  }
  const { metadata, spec } = result.value;
  const period: Period = { kind: "rolling", lengthMs: (spec.timeWindows[0]?.count ?? 30) * 86_400_000 };
  return spec.objectives.map(({ ratioMetrics, target }, index) => {
    const path: Path = ["spec", "objectives", index];
    const { line } = document.problemAt(path, { code: "", message: "" });
    const origin: SloOrigin = {
      locate([first, second]) {
        const inner =
          first === "sli"
            ? ["ratioMetrics", String(second), "query"]
            : first === "objective"
              ? ["target"]
              : [];
        return { document, path: [...path, ...inner] };
      },
    };
    const own: SloSpec = {
      name: `${metadata.name}-${index}`,
      description: spec.description,
      service: spec.service,
      environment: undefined,
      objective: target,
      period,
      sli: {
        kind: "ratio",
        ...ratioQueries({ good: ratioMetrics.good.query, total: ratioMetrics.total.query }),
        everyMs: 60_000,
      },
      budgeting: { kind: "occurrences" },
      by: [],
      pairs: defaultPairs(nominalMs(period)),
      evidenceGate: true,
      onNoData: "keep",
      forMs: 0,
      alertName: "ErrorBudgetBurn",
      labels: {},
      annotations: {},
      severityLabels: { page: {}, ticket: {} },
      disabled: [],
      actions: { page: [], ticket: [] },
      corrections: [],
      place: `${document.source.file}:${line}`,
    };
    return [own, origin];
  });
}

function suffix({ displayName }: Objective, index: number): string {
  const words = (displayName ?? "").toLowerCase().match(/[a-z0-9]+/g);
  return words ? words.join("-") : String(index + 1);
}
