import {
  type AttributeTable,
  attributeText,
  type OtlpAttribute,
  type OtlpValue,
  ValueKind,
} from "../../otlp/index.js";
import { ByteColumn } from "./byte-column.js";

/** A column of type Map(String, String): where each row ends, then all keys, then all values. */
export class MapColumn {
  readonly #ends = new ByteColumn();
  readonly #keys = new ByteColumn();
  readonly #values = new ByteColumn();
  #entries = 0;

  /** The attributes of one row of a decoded request. */
  row(table: AttributeTable, row: number): void {
    const end = table.first[row + 1] ?? 0;
    for (let index = table.first[row] ?? 0; index < end; index++) this.#entry(table, index);
    this.#ends.u64(this.#entries);
  }

  /** Attributes that many rows share. */
  prepared(map: PreparedMap): void {
    this.#keys.raw(map.keys);
    this.#values.raw(map.values);
    this.#entries += map.count;
    this.#ends.u64(this.#entries);
  }

  pieces(): Buffer[] {
    return [this.#ends.view(), this.#keys.view(), this.#values.view()];
  }

  clear(): void {
    for (const column of [this.#ends, this.#keys, this.#values]) column.clear();
    this.#entries = 0;
  }

  #entry(table: AttributeTable, index: number): void {
    this.#keys.slice(table.bytes, table.keyStart[index] ?? 0, table.keyEnd[index] ?? 0);
    if (table.valueKind[index] === ValueKind.string) {
      this.#values.slice(table.bytes, table.valueStart[index] ?? 0, table.valueEnd[index] ?? 0);
    } else this.#values.text(attributeText(table, index));
    this.#entries += 1;
  }
}

/** A map that is encoded once and copied into every row that has it. */
export interface PreparedMap {
  readonly count: number;
  readonly keys: Buffer;
  readonly values: Buffer;
}

export function prepareMap(attributes: readonly OtlpAttribute[]): PreparedMap {
  const keys = new ByteColumn(64);
  const values = new ByteColumn(64);
  for (const { key, value } of attributes) {
    keys.text(key);
    values.text(textOfValue(value));
  }
  return { count: attributes.length, keys: keys.view(), values: values.view() };
}

/** A value as the OpenTelemetry Collector writes it into a map of strings. */
export function textOfValue(value: OtlpValue): string {
  if (typeof value === "string") return value;
  if (value === null) return "";
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "object" ? JSON.stringify(value, replaceForJson) : String(value);
}

/** What JSON has no form for. */
function replaceForJson(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}
