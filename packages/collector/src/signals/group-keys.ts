import {
  type AttributeTable,
  attributeKey,
  attributeText,
  type OtlpResource,
  type OtlpValue,
} from "../otlp/index.js";

/** Dimensions that every service has; an attribute to group by cannot be called so. */
export const BUILT_IN_GROUPS = ["route", "version", "environment"] as const;

/**
 * The label of an attribute in series and alerts: `tenant.id` becomes `tenant_id`, as OpenTelemetry's rules of
 * compatibility with Prometheus have it.
 */
export function groupLabel(key: string): string {
  const name = key.replace(/[^a-zA-Z0-9_]/g, "_");
  return /^\d/.test(name) ? `key_${name}` : name;
}

/** What the resource itself says of the attributes that are grouped by, in their order; "" where it says nothing. */
export function resourceGroups(resource: OtlpResource, keys: readonly string[]): readonly string[] {
  if (keys.length === 0) return NONE;
  return keys.map((key) => textOf(resource.attributes.find((each) => each.key === key)?.value));
}

/**
 * Puts what one row says into `into`, and what the resource says where the row says nothing.
 *
 * @param firstId entries whose key has an id below this are passed over, because none is grouped by
 */
export function readGroups(
  table: AttributeTable,
  row: number,
  keys: readonly string[],
  ofResource: readonly string[],
  into: string[],
  firstId = 0,
): void {
  for (let index = 0; index < keys.length; index++) into[index] = ofResource[index] ?? "";
  const end = table.first[row + 1] ?? 0;
  for (let entry = table.first[row] ?? 0; entry < end; entry++) {
    const id = table.keyId[entry] ?? -1;
    if (id >= 0 && id < firstId) continue;
    const index = keys.indexOf(attributeKey(table, entry));
    if (index >= 0) into[index] = attributeText(table, entry);
  }
}

const NONE: readonly string[] = [];

function textOf(value: OtlpValue | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
