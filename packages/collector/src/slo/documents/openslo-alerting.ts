import type { Path } from "@tocsin/model/config";
import { nominalMs } from "../period.js";
import type { Period, SloSpec } from "../spec.js";
import { defaultPairs, SEVERITIES, type Severity, type WindowPair } from "../window-pair.js";
import { type Catalogue, referred, type SloEntry } from "./catalogue.js";
import type { AlertConditionSpec, AlertPolicySpec, Metadata, SloSpecification } from "./openslo-schema.js";
import { windowsOf } from "./settings.js";

type Alerting = Pick<
  SloSpec,
  "pairs" | "onNoData" | "alertName" | "severityLabels" | "severityAnnotations" | "disabled" | "forMs"
>;

/** The label that carries the names of a policy's notification targets, for routes to match. */
const TARGETS_LABEL = "notification_targets";

/** Policies with burn-rate conditions as window pairs; without any, the default pairs. */
export function alertingOf(entry: SloEntry, period: Period, catalogue: Catalogue): Alerting {
  const pairs: WindowPair[] = [];
  const labels: Record<Severity, Record<string, string>> = { page: {}, ticket: {} };
  const targets: Record<Severity, Set<string>> = { page: new Set(), ticket: new Set() };
  let onNoData: SloSpec["onNoData"] = "keep";
  let forMs = 0;
  let isSilent = entry.spec.alertPolicies.length > 0;
  for (const [index, written] of entry.spec.alertPolicies.entries()) {
    const path: Path = ["spec", "alertPolicies", index];
    const policy = policyOf(written, path, entry, catalogue);
    const condition = policy && conditionOf(policy, path, entry, catalogue);
    // A policy that lives elsewhere may well alert.
    if (!condition || policy.alertWhenNoData || policy.alertWhenBreaching) isSilent = false;
    if (!condition) continue;
    if (policy.alertWhenNoData) onNoData = "alert";
    if (!policy.alertWhenBreaching && !policy.alertWhenNoData) continue;
    const { spec, metadata } = condition;
    const severity = severityOf(spec.severity);
    if (spec.severity !== severity) labels[severity].severity = spec.severity;
    for (const name of targetsOf(policy, path, entry, catalogue)) targets[severity].add(name);
    forMs = Math.max(forMs, spec.condition.alertAfter);
    const windows = windowsOf(metadata, spec.condition.lookbackWindow.lengthMs);
    pairs.push({ severity, ...windows, burnRate: spec.condition.threshold });
  }
  for (const severity of SEVERITIES) {
    const names = [...targets[severity]].join(",");
    if (names !== "") labels[severity][TARGETS_LABEL] = names;
  }
  return {
    pairs: pairs.length > 0 ? pairs : defaultPairs(nominalMs(period)),
    onNoData,
    forMs,
    alertName: "ErrorBudgetBurn",
    severityLabels: labels,
    severityAnnotations: { page: {}, ticket: {} },
    disabled: isSilent ? SEVERITIES : [],
  };
}

/** OpenSLO leaves the words to its users; those that people use for "now" wake somebody. */
function severityOf(text: string): Severity {
  return /page|crit|sev-?_?[01]\b|\bp-?[01]\b|high|urgent|emergency/i.test(text) ? "page" : "ticket";
}

type WrittenPolicy = SloSpecification["alertPolicies"][number];

function policyOf(
  written: WrittenPolicy,
  path: Path,
  { document }: SloEntry,
  catalogue: Catalogue,
): AlertPolicySpec | undefined {
  if (typeof written === "object" && "spec" in written) return written.spec;
  const name = typeof written === "string" ? written : written.alertPolicyRef;
  return referred(catalogue, "policies", name, { document, path }, "the default pairs are used")?.spec;
}

interface Condition {
  readonly spec: AlertConditionSpec;
  readonly metadata: Metadata | undefined;
}

function conditionOf(
  policy: AlertPolicySpec,
  path: Path,
  { document }: SloEntry,
  catalogue: Catalogue,
): Condition | undefined {
  const [written] = policy.conditions;
  if (!written) return undefined;
  const condition: Condition | undefined =
    "spec" in written ? written : referredCondition(written.conditionRef);
  const op = condition?.spec.condition.op;
  if (op === "lt" || op === "lte") {
    catalogue.problems.push(
      document.problemAt(path, {
        severity: "warning",
        code: "slo/condition-op",
        message: `A burn rate that is ${op === "lt" ? "below" : "at or below"} its threshold is no reason to alert; the alert fires above it.`,
        hint: "Write op: gt.",
      }),
    );
  }
  return condition;

  function referredCondition(name: string): Condition | undefined {
    const found = referred(catalogue, "conditions", name, { document, path }, "the default pairs are used");
    return found && { spec: found.spec, metadata: found.metadata };
  }
}

function targetsOf(
  policy: AlertPolicySpec,
  path: Path,
  { document }: SloEntry,
  catalogue: Catalogue,
): string[] {
  return policy.notificationTargets.map((written) => {
    if ("metadata" in written) return written.metadata.name;
    const otherwise = "only its name is known, which alerts carry as a label";
    referred(catalogue, "targets", written.targetRef, { document, path }, otherwise);
    return written.targetRef;
  });
}
