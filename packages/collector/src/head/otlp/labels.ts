import { formatFloat } from "@tocsin/promql";
import { attributeKey, attributeText } from "../../otlp/accessors.js";
import type { AttributeTable, OtlpAttribute, OtlpResource, OtlpScope } from "../../otlp/columns.js";
import { labelName } from "./names.js";

/** Labels being collected: attribute keys may meet in one label name. */
export type LabelsDraft = Record<string, string>;

/** `job` and `instance` of a resource; left out where the sender did not name itself. */
export function targetLabels(resource: OtlpResource): LabelsDraft {
  const { serviceName, serviceNamespace, serviceInstanceId } = resource;
  const labels: LabelsDraft = {};
  if (serviceName !== "")
    labels.job = serviceNamespace === "" ? serviceName : `${serviceNamespace}/${serviceName}`;
  if (serviceInstanceId !== "") labels.instance = serviceInstanceId;
  return labels;
}

/** Labels of `target_info`: the target and every other resource attribute. Undefined when there is no other. */
export function targetInfoLabels(resource: OtlpResource): LabelsDraft | undefined {
  const others = resource.attributes.filter(({ key }) => !IDENTITY.has(key));
  if (others.length === 0) return undefined;
  const labels: LabelsDraft = {};
  addAll(labels, others, "");
  return { ...labels, ...targetLabels(resource), __name__: "target_info" };
}

const IDENTITY = new Set(["service.name", "service.namespace", "service.instance.id"]);

/** What every series of a scope has: the target, `otel_scope_*`, and the promoted attributes of the resource. */
export function scopeLabels(
  resource: OtlpResource,
  scope: OtlpScope,
  promoted: ReadonlySet<string>,
): LabelsDraft {
  const labels: LabelsDraft = {};
  addAll(
    labels,
    resource.attributes.filter(({ key }) => promoted.has(key)),
    "",
  );
  if (scope.name !== "") labels.otel_scope_name = scope.name;
  if (scope.version !== "") labels.otel_scope_version = scope.version;
  if (scope.schemaUrl !== "") labels.otel_scope_schema_url = scope.schemaUrl;
  addAll(labels, scope.attributes, "otel_scope_");
  return Object.assign(labels, targetLabels(resource));
}

/** Labels of the point in row `row`: its own attributes, then `base`, which wins. */
export function pointLabels(table: AttributeTable, row: number, base: LabelsDraft): LabelsDraft {
  const labels: LabelsDraft = {};
  const entries: [string, string][] = [];
  for (let index = table.first[row]; index < table.first[row + 1]; index++) {
    entries.push([attributeKey(table, index), attributeText(table, index)]);
  }
  addEntries(labels, entries, "");
  return Object.assign(labels, base);
}

/** A bound or quantile as a label value: `0.5`, `1.0`, `+Inf`, as OpenMetrics writes numbers. */
export function boundText(bound: number): string {
  const text = formatFloat(bound);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function addAll(labels: LabelsDraft, attributes: readonly OtlpAttribute[], prefix: string): void {
  const entries = attributes.map(({ key, value }) => [key, textOf(value)] as [string, string]);
  addEntries(labels, entries, prefix);
}

/** Keys that meet in one name have their values joined by ";", in the order of the keys. */
function addEntries(labels: LabelsDraft, entries: [string, string][], prefix: string): void {
  if (entries.length > 1) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const given = new Set<string>();
  for (const [key, value] of entries) {
    const name = prefix === "" ? labelName(key) : prefix + labelName(key);
    labels[name] = given.has(name) ? `${labels[name]};${value}` : value;
    given.add(name);
  }
}

function textOf(value: OtlpAttribute["value"]): string {
  if (value === null) return "";
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "object" ? JSON.stringify(value, bigintAsText) : String(value);
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
