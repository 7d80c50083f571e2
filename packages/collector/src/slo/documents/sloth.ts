import { type ConfigDocument, type Path, type Problem, validate } from "@tocsin/model/config";
import { z } from "zod";
import { windowTemplate } from "../compile.js";
import { percentRatio } from "../objective.js";
import type { SloOrigin } from "../origin.js";
import type { Sli, SloSpec } from "../spec.js";
import { SEVERITIES } from "../window-pair.js";
import { withoutEmptyKeys } from "./empty-keys.js";
import type { ReadSlos } from "./read-slos.js";
import type { SlothWindows } from "./sloth-windows.js";

/** YAML may have read a word as a number or as yes and no; all of them become labels. */
const Text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const Texts = z.record(z.string(), Text);

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
  objective: z.coerce
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
const SlothBody = z.strictObject({
  version: z.literal("prometheus/v1"),
  service: z.string().min(1),
  labels: Texts.default({}),
  slo_plugins: PluginChain.optional(),
  slos: z.array(SlothSlo).min(1),
});
const SlothSpec = z.preprocess(withoutEmptyKeys, SlothBody);
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
  status: z.unknown().optional(),
  spec: z.preprocess(
    (spec) => (isRecord(spec) ? { version: "prometheus/v1", ...(withSnakeCase(spec) as object) } : spec),
    SlothSpec,
  ),
});

/** Whether a document is one of Sloth's, in either form. */
export function isSloth(value: unknown): boolean {
  return isRecord(value) && (value.version === "prometheus/v1" || value.apiVersion === "sloth.slok.dev/v1");
}

/** SLOs of a Sloth specification, plain or as a Kubernetes resource, over a period with its alert windows. */
export function readSloth(document: ConfigDocument, windows: SlothWindows): ReadSlos {
  const isResource = isRecord(document.value) && document.value.apiVersion !== undefined;
  const result = isResource ? validate(SlothResource, document) : validate(SlothSpec, document);
  if (!result.ok) return { specs: [], problems: result.problems, origins: new Map() };
  const spec = "spec" in result.value ? result.value.spec : result.value;
  const top = isResource ? ["spec"] : [];
  const base = [...top, "slos"];
  const chain = isResource ? "sloPlugins" : "slo_plugins";
  const problems = [
    ...chainProblems(spec.slo_plugins, document, [...top, chain]),
    ...spec.slos.flatMap((slo, index) => [
      ...pluginProblems(slo, document, [...base, index]),
      ...chainProblems(slo.plugins, document, [...base, index, "plugins"]),
    ]),
  ];
  const specs = spec.slos.map((slo, index) => {
    const { line } = document.problemAt([...base, index], { code: "", message: "" });
    return slothSlo(spec, slo, windows, `${document.source.file}:${line}`);
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

function slothSlo(
  { service, labels }: SlothSpec,
  slo: SlothSlo,
  { periodMs, pairs }: SlothWindows,
  place: string,
): SloSpec {
  const { alerting } = slo;
  const { page_alert: page, ticket_alert: ticket } = alerting;
  return {
    name: slo.name,
    description: slo.description,
    service,
    environment: undefined,
    objective: percentRatio(slo.objective),
    period: { kind: "rolling", lengthMs: periodMs },
    sli: slothSli(slo.sli),
    budgeting: { kind: "occurrences" },
    by: [],
    pairs,
    evidenceGate: true,
    onNoData: "keep",
    forMs: 0,
    alertName: alerting.name ?? "ErrorBudgetBurn",
    labels: { ...labels, ...slo.labels, ...alerting.labels },
    annotations: alerting.annotations,
    severityLabels: { page: page.labels, ticket: ticket.labels },
    severityAnnotations: { page: page.annotations, ticket: ticket.annotations },
    disabled: SEVERITIES.filter((severity) => (severity === "page" ? page : ticket).disable),
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

/**
 * Plugins of the chain that makes Sloth's rules whose work is done here anyway: Sloth's own steps, and the correction
 * that weighs windows by their requests, which exact counts do by themselves.
 */
const DONE_HERE = /^sloth\.dev\/(core\/|contrib\/denominator_corrected_rules\/)/;

function chainProblems(
  plugins: z.output<typeof PluginChain> | undefined,
  document: ConfigDocument,
  path: Path,
): Problem[] {
  return (plugins?.chain ?? []).flatMap(({ id }, index) =>
    DONE_HERE.test(id)
      ? []
      : [
          document.problemAt([...path, "chain", index, "id"], {
            severity: "warning",
            code: "slo/sloth-plugin",
            message: `The SLO plugin "${id}" is a program of Sloth's; it cannot be run here, and what it adds to the rules is missing.`,
          }),
        ],
  );
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
