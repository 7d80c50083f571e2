import { nearestName } from "@tocsin/model";
import { type ConfigDocument, type Path, type Problem, validate } from "@tocsin/model/config";
import { ratioQueries } from "../compile.js";
import { nominalMs } from "../period.js";
import type { Period, SloSpec } from "../spec.js";
import { defaultPairs } from "../window-pair.js";
import { alertingOf, budgetingOf, type Catalogue, periodOf, type SloEntry, sliOf } from "./openslo-parts.js";
import { type Objective, OPEN_SLO_KINDS, OpenSloAlpha } from "./openslo-schema.js";

/** Whether a document is one of OpenSLO's. */
export function isOpenSlo(value: unknown): boolean {
  return (
    typeof (value as { apiVersion?: unknown } | null)?.apiVersion === "string" &&
    String((value as { apiVersion: string }).apiVersion).startsWith("openslo/")
  );
}

/** SLOs of OpenSLO documents. An SLO with several objectives becomes one SLO per objective. */
export function readOpenSlo(documents: readonly ConfigDocument[]): { specs: SloSpec[]; problems: Problem[] } {
  const catalogue: Catalogue = {
    slos: [],
    slis: [],
    dataSourceTypes: [],
    policies: [],
    conditions: [],
    problems: [],
  };
  const specs: SloSpec[] = [];
  for (const document of documents) {
    if ((document.value as { apiVersion: string }).apiVersion === "openslo/v1alpha")
      specs.push(...readAlpha(document, catalogue));
    else catalogueDocument(document, catalogue);
  }
  for (const entry of catalogue.slos) specs.push(...sloSpecs(entry, catalogue));
  return { specs, problems: catalogue.problems };
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
      add(OPEN_SLO_KINDS.SLI, ({ metadata, spec }) => catalogue.slis.push({ name: metadata.name, spec }));
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

function sloSpecs(entry: SloEntry, catalogue: Catalogue): SloSpec[] {
  const { spec, document, name } = entry;
  const period = periodOf(spec.timeWindow?.[0], document, catalogue);
  const isComposite = spec.objectives.some(({ indicator, indicatorRef }) => indicator || indicatorRef);
  const alerting = alertingOf(spec, period, document, catalogue);
  const objectives = spec.objectives.map((objective, index): SloSpec => {
    const path: Path = ["spec", "objectives", index];
    const { line } = document.problemAt(path, { code: "", message: "" });
    return {
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
  });
  const [first] = objectives;
  if (!isComposite || !first) return objectives;
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
  return [...objectives, whole];
}

function readAlpha(document: ConfigDocument, catalogue: Catalogue): SloSpec[] {
  const result = validate(OpenSloAlpha, document);
  if (!result.ok) {
    catalogue.problems.push(...result.problems);
    return [];
  }
  const { metadata, spec } = result.value;
  const period: Period = { kind: "rolling", lengthMs: (spec.timeWindows[0]?.count ?? 30) * 86_400_000 };
  return spec.objectives.map(({ ratioMetrics, target }, index) => ({
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
    place: document.source.file,
  }));
}

function suffix({ displayName }: Objective, index: number): string {
  const words = (displayName ?? "").toLowerCase().match(/[a-z0-9]+/g);
  return words ? words.join("-") : String(index + 1);
}
