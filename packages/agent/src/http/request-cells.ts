import type { Attributes } from "@opentelemetry/api";
import { DurationHistogram } from "../metrics/histogram.js";
import { writeAttributes } from "../otlp/attributes.js";
import { ByteWriter } from "../otlp/byte-writer.js";
import { SPAN_ATTRIBUTE_TAG } from "../otlp/encode-span.js";

/**
 * One combination of the attributes that a request's span and its metrics have in common: the histogram of its
 * durations, and those attributes as OTLP bytes, made once.
 */
export interface RequestCell {
  readonly attributes: Attributes;
  readonly histogram: DurationHistogram;
  readonly spanBytes: Uint8Array;
}

/**
 * The cells of one metric, bounded: past `limit` combinations durations are counted in one cell marked
 * `otel.metric.overflow`, as OpenTelemetry has it, and spans go on as before.
 */
export class RequestCells {
  private readonly groups = new Map<string, RequestCell[]>();
  private size = 0;
  private readonly limit: number;
  private readonly isExponential: boolean;
  private overflow: RequestCell | undefined;

  constructor(options: { readonly isExponential?: boolean; readonly limit?: number } = {}) {
    this.isExponential = options.isExponential ?? false;
    this.limit = options.limit ?? 2000;
  }

  /**
   * The cell of these attributes, which always come with the same keys.
   *
   * @param group what most cells differ in, the route or the host: the few cells of one group are compared one by one, which
   *   takes less than to make a key of all attributes
   */
  find(group: string, attributes: Attributes): RequestCell {
    const cells = this.groups.get(group);
    for (const cell of cells ?? []) if (isSame(cell.attributes, attributes)) return cell;
    if (this.size >= this.limit) {
      this.overflow ??= makeCell({ "otel.metric.overflow": true }, new DurationHistogram(this.isExponential));
      return makeCell(attributes, this.overflow.histogram);
    }
    const made = makeCell(attributes, new DurationHistogram(this.isExponential));
    this.size++;
    if (cells === undefined) this.groups.set(group, [made]);
    else cells.push(made);
    return made;
  }

  /** Every cell that has counted something. */
  *[Symbol.iterator](): Iterator<RequestCell> {
    for (const cells of this.groups.values()) yield* cells;
    if (this.overflow !== undefined) yield this.overflow;
  }
}

function isSame(known: Attributes, attributes: Attributes): boolean {
  for (const key in attributes) if (known[key] !== attributes[key]) return false;
  return true;
}

function makeCell(attributes: Attributes, histogram: DurationHistogram): RequestCell {
  return { attributes, histogram, spanBytes: attributeBytes(attributes) };
}

/** Attributes as they stand in a span, ready to be copied into many. */
export function attributeBytes(attributes: Attributes): Uint8Array {
  const writer = new ByteWriter(256);
  writeAttributes(writer, SPAN_ATTRIBUTE_TAG, attributes);
  return writer.finished();
}
