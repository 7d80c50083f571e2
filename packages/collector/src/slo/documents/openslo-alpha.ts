import { type ConfigDocument, type Path, type Problem, validate } from "@tocsin/model/config";
import { ratioQueries } from "../compile.js";
import type { SloOrigin } from "../origin.js";
import { nominalMs } from "../period.js";
import type { Period, SloSpec } from "../spec.js";
import { defaultPairs } from "../window-pair.js";
import { OpenSloAlpha } from "./openslo-schema.js";

/** SLOs of an `openslo/v1alpha` document, as Sloth reads it. */
export function readAlpha(document: ConfigDocument, problems: Problem[]): [SloSpec, SloOrigin][] {
  const result = validate(OpenSloAlpha, document);
  if (!result.ok) {
    problems.push(...result.problems);
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
      severityAnnotations: { page: {}, ticket: {} },
      disabled: [],
      actions: { page: [], ticket: [] },
      corrections: [],
      place: `${document.source.file}:${line}`,
    };
    return [own, origin];
  });
}
