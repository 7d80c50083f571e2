import { type ConfigDocument, type Path, type Problem, validate } from "@tocsin/model/config";
import { z } from "zod";
import { windowTemplate } from "../compile.js";
import type { SloOrigin } from "../origin.js";
import type { Sli, SloSpec } from "../spec.js";
import { defaultPairs, type Severity } from "../window-pair.js";
import type { ReadSlos } from "./read-slos.js";

const Texts = z.record(z.string(), z.string());

const SeverityAlert = z.strictObject({
  disable: z.boolean().default(false),
  labels: Texts.default({}),
  annotations: Texts.default({}),
});

const PluginChain = z.strictObject({
  overridePrevious: z.boolean().optional(),
  chain: z.array(z.looseObject({ id: z.string() })).default([]),
});

const SlothSlo = z.strictObject({
  name: z.string().min(1),
  description: z.string().default(""),
  objective: z
    .number()
    .gt(0, "An objective of Sloth is in percent, over 0 and below 100.")
    .lt(100, "An objective of Sloth is in percent, over 0 and below 100."),
  labels: Texts.default({}),
  sli: z
    .strictObject({
      events: z.strictObject({ error_query: z.string().min(1), total_query: z.string().min(1) }).optional(),
      raw: z.strictObject({ error_ratio_query: z.string().min(1) }).optional(),
      plugin: z.strictObject({ id: z.string().min(1), options: Texts.default({}) }).optional(),
    })
    .refine(
      ({ events, raw, plugin }) => [events, raw, plugin].filter((each) => each !== undefined).length === 1,
      {
        error: "An sli has exactly one of events, raw and plugin.",
      },
    ),
  plugins: PluginChain.optional(),
  alerting: z
    .strictObject({
      name: z.string().optional(),
      labels: Texts.default({}),
      annotations: Texts.default({}),
      page_alert: SeverityAlert.prefault({}),
      ticket_alert: SeverityAlert.prefault({}),
    })
    .prefault({}),
});
type SlothSlo = z.output<typeof SlothSlo>;

/** A Sloth `prometheus/v1` specification. */
const SlothSpec = z.strictObject({
  version: z.literal("prometheus/v1"),
  service: z.string().min(1),
  labels: Texts.default({}),
  slo_plugins: PluginChain.optional(),
  slos: z.array(SlothSlo).min(1),
});
type SlothSpec = z.output<typeof SlothSpec>;

/** The names that Sloth's Kubernetes resource has for the same things. */
const CAMEL: Readonly<Record<string, string>> = {
  errorQuery: "error_query",
  totalQuery: "total_query",
  errorRatioQuery: "error_ratio_query",
  pageAlert: "page_alert",
  ticketAlert: "ticket_alert",
  sloPlugins: "slo_plugins",
};

const CAMEL_OF = Object.fromEntries(Object.entries(CAMEL).map(([camel, snake]) => [snake, camel]));

const SlothResource = z.strictObject({
  apiVersion: z.literal("sloth.slok.dev/v1"),
  kind: z.literal("PrometheusServiceLevel"),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.preprocess(
    (spec) => (isRecord(spec) ? { version: "prometheus/v1", ...(withSnakeCase(spec) as object) } : spec),
    SlothSpec,
  ),
});

/** Whether a document is one of Sloth's, in either form. */
export function isSloth(value: unknown): boolean {
  return isRecord(value) && (value.version === "prometheus/v1" || value.apiVersion === "sloth.slok.dev/v1");
}

/** SLOs of a Sloth specification, plain or as a Kubernetes resource, with its 30-day period and default pairs. */
export function readSloth(document: ConfigDocument): ReadSlos {
  const isResource = isRecord(document.value) && document.value.apiVersion !== undefined;
  const result = isResource ? validate(SlothResource, document) : validate(SlothSpec, document);
  if (!result.ok) return { specs: [], problems: result.problems, origins: new Map() };
  const spec = "spec" in result.value ? result.value.spec : result.value;
  const base = isResource ? ["spec", "slos"] : ["slos"];
  const problems = spec.slos.flatMap((slo, index) => pluginProblems(slo, document, [...base, index]));
  const specs = spec.slos.map((slo, index) => {
    const { line } = document.problemAt([...base, index], { code: "", message: "" });
    return slothSlo(spec, slo, `${document.source.file}:${line}`);
  });
  const origins = new Map(
    specs.map((each, index) => [each, originOf(document, [...base, index], isResource)] as const),
  );
  return { specs, problems, origins };
}

/** Where the fields of the short form stand in Sloth's. */
function originOf(document: ConfigDocument, base: Path, isResource: boolean): SloOrigin {
  const key = (name: string) => (isResource ? (CAMEL_OF[name] ?? name) : name);
  const sli: Readonly<Record<string, Path>> = {
    bad: ["events", key("error_query")],
    total: ["events", key("total_query")],
    query: ["raw", key("error_ratio_query")],
  };
  return {
    locate([first, second]) {
      if (first === "objective") return { document, path: [...base, "objective"] };
      if (first === "sli") return { document, path: [...base, "sli", ...(sli[String(second)] ?? [])] };
      return { document, path: [...base, "name"] };
    },
  };
}

const PERIOD_MS = 30 * 86_400_000;

function slothSlo({ service, labels }: SlothSpec, slo: SlothSlo, place: string): SloSpec {
  const { alerting } = slo;
  const severities: [Severity, z.output<typeof SeverityAlert>][] = [
    ["page", alerting.page_alert],
    ["ticket", alerting.ticket_alert],
  ];
  return {
    name: slo.name,
    description: slo.description,
    service,
    environment: undefined,
    // Dividing the decimal text keeps 99.9 % exactly 0.999.
    objective: Number(`${slo.objective}e-2`),
    period: { kind: "rolling", lengthMs: PERIOD_MS },
    sli: slothSli(slo.sli),
    budgeting: { kind: "occurrences" },
    by: [],
    pairs: defaultPairs(PERIOD_MS),
    evidenceGate: true,
    onNoData: "keep",
    forMs: 0,
    alertName: alerting.name ?? "ErrorBudgetBurn",
    labels: { ...labels, ...slo.labels, ...alerting.labels },
    annotations: alerting.annotations,
    severityLabels: {
      page: alerting.page_alert.labels,
      ticket: alerting.ticket_alert.labels,
    },
    disabled: severities.filter(([, alert]) => alert.disable).map(([severity]) => severity),
    actions: { page: [], ticket: [] },
    corrections: [],
    place,
  };
}

function slothSli({ events, raw, plugin }: SlothSlo["sli"]): Sli {
  if (events) {
    const [bad, total] = [events.error_query, events.total_query].map(windowTemplate);
    return { kind: "ratio", form: "rate", good: undefined, bad, total: total ?? "", everyMs: 60_000 };
  }
  if (raw)
    return { kind: "raw", query: windowTemplate(raw.error_ratio_query), isErrorRatio: true, everyMs: 60_000 };
  return { kind: "unreadable", why: `the SLI plugin ${plugin?.id ?? ""} runs in Sloth only` };
}

function pluginProblems(slo: SlothSlo, document: ConfigDocument, path: Path): Problem[] {
  if (!slo.sli.plugin) return [];
  return [
    document.problemAt([...path, "sli", "plugin"], {
      severity: "warning",
      code: "slo/sloth-plugin",
      message: `The SLI plugin "${slo.sli.plugin.id}" is a program of Sloth's; it cannot be run here, so the SLO has no data.`,
      hint: "Write the queries that it makes under sli.events.",
    }),
  ];
}

function withSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSnakeCase);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      CAMEL[key] ?? key,
      // Labels and annotations are the user's own names.
      key === "labels" || key === "annotations" || key === "options" ? inner : withSnakeCase(inner),
    ]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
