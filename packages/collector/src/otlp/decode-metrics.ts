/**
 * One piece because a metrics request is one thing to read: five kinds of points share their columns, and what a
 * kind does not have is what another one fills.
 */
import { AttributeBuilder } from "./attribute-builder.js";
import type { DecodeOptions, MetricColumns, MetricKind, OtlpMetric, Temporality } from "./columns.js";
import { readEnvelope } from "./envelope.js";
import { ExemplarBuilder } from "./exemplar-builder.js";
import { grownFloat64, grownInt32, grownUint8, grownUint32 } from "./growth.js";
import { readText } from "./resource.js";
import { NAMELESS_METRIC } from "./validate.js";
import { asBuffer, doubleAt, signed64At, uint64At, WireReader } from "./wire.js";

const TEMPORALITIES: readonly Temporality[] = ["unspecified", "delta", "cumulative"];

/**
 * Reads an ExportMetricsServiceRequest in one pass.
 *
 * @throws {CollectorError} OTLP_MALFORMED when the bytes are not protobuf; the points of a metric without a name do
 * not throw but are left out and counted in `rejectedCount`.
 */
export function decodeMetrics(body: Uint8Array, options: DecodeOptions = {}): MetricColumns {
  return new MetricBuilder(new WireReader(asBuffer(body)), options).read();
}

/** Numbers of many rows, flattened. */
class NumberList {
  values: Float64Array = new Float64Array(16);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) this.values = grownFloat64(this.values, this.length * 2);
    this.values[this.length++] = value;
  }
}

class MetricBuilder {
  #reader: WireReader;
  #attributes: AttributeBuilder;
  #exemplars: ExemplarBuilder;
  #metrics: OtlpMetric[] = [];
  #rejected = 0;
  #rejectedReason = "";
  #points = 0;
  #bucketCounts = new NumberList();
  #bounds = new NumberList();
  #quantiles = new NumberList();
  #quantileValues = new NumberList();
  #metric: Uint32Array;
  #startTime: Uint32Array;
  #time: Uint32Array;
  #startTimeMs: Float64Array;
  #timeMs: Float64Array;
  #flags: Uint32Array;
  #value: Float64Array;
  #isInteger: Uint8Array;
  #count: Float64Array;
  #sum: Float64Array;
  #min: Float64Array;
  #max: Float64Array;
  #bucketFirst: Uint32Array;
  #boundFirst: Uint32Array;
  #quantileFirst: Uint32Array;
  #scale: Int32Array;
  #zeroCount: Float64Array;
  #zeroThreshold: Float64Array;
  #positiveOffset: Int32Array;
  #positiveCount: Uint32Array;
  #negativeOffset: Int32Array;
  // What the data of the metric being read said.
  #temporality = 0;
  #isMonotonic = false;

  constructor(reader: WireReader, options: DecodeOptions) {
    this.#reader = reader;
    const capacity = 8 + (reader.bytes.length >>> 7);
    this.#attributes = new AttributeBuilder(reader, options.attributes, capacity, capacity * 4);
    this.#exemplars = new ExemplarBuilder(reader, options);
    this.#metric = new Uint32Array(capacity);
    this.#startTime = new Uint32Array(capacity);
    this.#time = new Uint32Array(capacity);
    this.#startTimeMs = new Float64Array(capacity);
    this.#timeMs = new Float64Array(capacity);
    this.#flags = new Uint32Array(capacity);
    this.#value = new Float64Array(capacity);
    this.#isInteger = new Uint8Array(capacity);
    this.#count = new Float64Array(capacity);
    this.#sum = new Float64Array(capacity);
    this.#min = new Float64Array(capacity);
    this.#max = new Float64Array(capacity);
    this.#bucketFirst = new Uint32Array(capacity + 1);
    this.#boundFirst = new Uint32Array(capacity + 1);
    this.#quantileFirst = new Uint32Array(capacity + 1);
    this.#scale = new Int32Array(capacity);
    this.#zeroCount = new Float64Array(capacity);
    this.#zeroThreshold = new Float64Array(capacity);
    this.#positiveOffset = new Int32Array(capacity);
    this.#positiveCount = new Uint32Array(capacity);
    this.#negativeOffset = new Int32Array(capacity);
  }

  read(): MetricColumns {
    const envelope = readEnvelope(this.#reader, (end, scope) => this.#readMetric(end, scope));
    const metrics = this.#metrics.map((metric) => ({
      ...metric,
      resource: envelope.scopes[metric.scope].resource,
    }));
    return {
      signal: "metrics",
      bytes: this.#reader.bytes,
      resources: envelope.resources,
      scopes: envelope.scopes,
      rejectedCount: this.#rejected,
      rejectedReason: this.#rejectedReason,
      metrics,
      pointCount: this.#points,
      metric: this.#metric,
      startTime: this.#startTime,
      time: this.#time,
      startTimeMs: this.#startTimeMs,
      timeMs: this.#timeMs,
      flags: this.#flags,
      value: this.#value,
      isInteger: this.#isInteger,
      count: this.#count,
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
      bucketFirst: this.#bucketFirst,
      bucketCounts: this.#bucketCounts.values,
      boundFirst: this.#boundFirst,
      bounds: this.#bounds.values,
      scale: this.#scale,
      zeroCount: this.#zeroCount,
      zeroThreshold: this.#zeroThreshold,
      positiveOffset: this.#positiveOffset,
      positiveCount: this.#positiveCount,
      negativeOffset: this.#negativeOffset,
      quantileFirst: this.#quantileFirst,
      quantiles: this.#quantiles.values,
      quantileValues: this.#quantileValues.values,
      attributes: this.#attributes.table(),
      exemplars: this.#exemplars.table(),
    };
  }

  #readMetric(end: number, scope: number): void {
    const reader = this.#reader;
    const firstPoint = this.#points;
    let name = "";
    let description = "";
    let unit = "";
    let kind: MetricKind = "gauge";
    this.#temporality = 0;
    this.#isMonotonic = false;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 10:
          name = readText(reader, end);
          break;
        case 18:
          description = readText(reader, end);
          break;
        case 26:
          unit = readText(reader, end);
          break;
        case 42:
        case 58:
        case 74:
        case 82:
        case 90:
          kind = kindOfTag(tag);
          // The data are a oneof: a second one takes the place of the first.
          this.#cut(firstPoint);
          this.#readData(reader.stop(end), kind);
          break;
        default:
          reader.skip(tag, end);
      }
    }
    reader.finish(end);
    if (name === "" && this.#points > firstPoint) {
      if (this.#rejected === 0) this.#rejectedReason = NAMELESS_METRIC;
      this.#rejected += this.#points - firstPoint;
      this.#cut(firstPoint);
      return;
    }
    this.#metrics.push({
      name,
      description,
      unit,
      kind,
      temporality: TEMPORALITIES[this.#temporality] ?? "unspecified",
      isMonotonic: this.#isMonotonic,
      scope,
      resource: 0,
      firstPoint,
      pointCount: this.#points - firstPoint,
    });
  }

  #readData(end: number, kind: MetricKind): void {
    const reader = this.#reader;
    this.#temporality = 0;
    this.#isMonotonic = false;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 10) {
        const stop = reader.stop(end);
        this.#startPoint();
        if (kind === "histogram") this.#readHistogram(stop);
        else if (kind === "exponentialHistogram") this.#readExponential(stop);
        else if (kind === "summary") this.#readSummary(stop);
        else this.#readNumber(stop);
        reader.finish(stop);
        this.#endPoint();
      } else if (tag === 16) this.#temporality = reader.varint32();
      else if (tag === 24) this.#isMonotonic = reader.varint32() !== 0 && kind === "sum";
      else reader.skip(tag, end);
    }
    reader.finish(end);
  }

  #readNumber(end: number): void {
    const reader = this.#reader;
    const point = this.#points;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 33:
          this.#value[point] = doubleAt(reader.bytes, reader.fixed64(end));
          this.#isInteger[point] = 0;
          break;
        case 49:
          this.#value[point] = signed64At(reader.bytes, reader.fixed64(end));
          this.#isInteger[point] = 1;
          break;
        case 58:
          this.#attributes.add(reader.stop(end));
          break;
        case 42:
          this.#exemplars.add(reader.stop(end));
          break;
        case 64:
          this.#flags[point] = reader.varint32();
          break;
        default:
          if (!this.#readTimes(tag, end)) reader.skip(tag, end);
      }
    }
  }

  #readHistogram(end: number): void {
    const reader = this.#reader;
    const point = this.#points;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 33:
          this.#count[point] = uint64At(reader.bytes, reader.fixed64(end));
          break;
        case 41:
          this.#sum[point] = doubleAt(reader.bytes, reader.fixed64(end));
          break;
        case 49:
          this.#bucketCounts.push(uint64At(reader.bytes, reader.fixed64(end)));
          break;
        case 50:
          this.#readPacked(reader.stop(end), this.#bucketCounts, uint64At);
          break;
        case 57:
          this.#bounds.push(doubleAt(reader.bytes, reader.fixed64(end)));
          break;
        case 58:
          this.#readPacked(reader.stop(end), this.#bounds, doubleAt);
          break;
        case 66:
          this.#exemplars.add(reader.stop(end));
          break;
        case 74:
          this.#attributes.add(reader.stop(end));
          break;
        case 80:
          this.#flags[point] = reader.varint32();
          break;
        case 89:
          this.#min[point] = doubleAt(reader.bytes, reader.fixed64(end));
          break;
        case 97:
          this.#max[point] = doubleAt(reader.bytes, reader.fixed64(end));
          break;
        default:
          if (!this.#readTimes(tag, end)) reader.skip(tag, end);
      }
    }
  }

  #readExponential(end: number): void {
    const reader = this.#reader;
    const point = this.#points;
    const firstBucket = this.#bucketCounts.length;
    // The negative range may come first on the wire; it is read last, so that the positive one is always in front.
    let negativeStart = 0;
    let negativeEnd = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 10:
          this.#attributes.add(reader.stop(end));
          break;
        case 33:
          this.#count[point] = uint64At(reader.bytes, reader.fixed64(end));
          break;
        case 41:
          this.#sum[point] = doubleAt(reader.bytes, reader.fixed64(end));
          break;
        case 48:
          this.#scale[point] = zigzag(reader.varint32());
          break;
        case 57:
          this.#zeroCount[point] = uint64At(reader.bytes, reader.fixed64(end));
          break;
        case 66:
          this.#bucketCounts.length = firstBucket;
          this.#positiveOffset[point] = this.#readBuckets(reader.stop(end));
          this.#positiveCount[point] = this.#bucketCounts.length - firstBucket;
          break;
        case 74:
          negativeEnd = reader.stop(end);
          negativeStart = reader.pos;
          reader.pos = negativeEnd;
          break;
        case 80:
          this.#flags[point] = reader.varint32();
          break;
        case 90:
          this.#exemplars.add(reader.stop(end));
          break;
        case 97:
          this.#min[point] = doubleAt(reader.bytes, reader.fixed64(end));
          break;
        case 105:
          this.#max[point] = doubleAt(reader.bytes, reader.fixed64(end));
          break;
        case 113:
          this.#zeroThreshold[point] = doubleAt(reader.bytes, reader.fixed64(end));
          break;
        default:
          if (!this.#readTimes(tag, end)) reader.skip(tag, end);
      }
    }
    if (negativeEnd > negativeStart) {
      reader.finish(end);
      reader.pos = negativeStart;
      this.#negativeOffset[point] = this.#readBuckets(negativeEnd);
      reader.pos = end;
    }
  }

  #readSummary(end: number): void {
    const reader = this.#reader;
    const point = this.#points;
    this.#sum[point] = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 33:
          this.#count[point] = uint64At(reader.bytes, reader.fixed64(end));
          break;
        case 41:
          this.#sum[point] = doubleAt(reader.bytes, reader.fixed64(end));
          break;
        case 50:
          this.#readQuantile(reader.stop(end));
          break;
        case 58:
          this.#attributes.add(reader.stop(end));
          break;
        case 64:
          this.#flags[point] = reader.varint32();
          break;
        default:
          if (!this.#readTimes(tag, end)) reader.skip(tag, end);
      }
    }
  }

  #readQuantile(end: number): void {
    const reader = this.#reader;
    let quantile = 0;
    let value = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 9) quantile = doubleAt(reader.bytes, reader.fixed64(end));
      else if (tag === 17) value = doubleAt(reader.bytes, reader.fixed64(end));
      else reader.skip(tag, end);
    }
    reader.finish(end);
    this.#quantiles.push(quantile);
    this.#quantileValues.push(value);
  }

  /** Reads exponential buckets, adding their counts; returns their offset. */
  #readBuckets(end: number): number {
    const reader = this.#reader;
    let offset = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 8) offset = zigzag(reader.varint32());
      else if (tag === 16) this.#bucketCounts.push(reader.varint64());
      else if (tag === 18) {
        const stop = reader.stop(end);
        while (reader.pos < stop) this.#bucketCounts.push(reader.varint64());
        reader.finish(stop);
      } else reader.skip(tag, end);
    }
    reader.finish(end);
    return offset;
  }

  #readPacked(end: number, list: NumberList, read: (bytes: Buffer, offset: number) => number): void {
    const reader = this.#reader;
    while (reader.pos < end) list.push(read(reader.bytes, reader.fixed64(end)));
  }

  /** The two times have the same numbers in every kind of point. */
  #readTimes(tag: number, end: number): boolean {
    const reader = this.#reader;
    if (tag === 17) {
      const offset = reader.fixed64(end);
      this.#startTime[this.#points] = offset;
      this.#startTimeMs[this.#points] = uint64At(reader.bytes, offset) / 1e6;
    } else if (tag === 25) {
      const offset = reader.fixed64(end);
      this.#time[this.#points] = offset;
      this.#timeMs[this.#points] = uint64At(reader.bytes, offset) / 1e6;
    } else return false;
    return true;
  }

  #startPoint(): void {
    const point = this.#points;
    if (point === this.#metric.length) this.#grow();
    this.#metric[point] = this.#metrics.length;
    // A row may hold what a cut point left behind.
    this.#startTime[point] = 0;
    this.#time[point] = 0;
    this.#startTimeMs[point] = 0;
    this.#timeMs[point] = 0;
    this.#flags[point] = 0;
    this.#value[point] = Number.NaN;
    this.#isInteger[point] = 0;
    this.#count[point] = 0;
    this.#sum[point] = Number.NaN;
    this.#min[point] = Number.NaN;
    this.#max[point] = Number.NaN;
    this.#scale[point] = 0;
    this.#zeroCount[point] = 0;
    this.#zeroThreshold[point] = 0;
    this.#positiveOffset[point] = 0;
    this.#positiveCount[point] = 0;
    this.#negativeOffset[point] = 0;
  }

  #endPoint(): void {
    this.#attributes.endRow();
    this.#exemplars.endRow();
    this.#points++;
    this.#bucketFirst[this.#points] = this.#bucketCounts.length;
    this.#boundFirst[this.#points] = this.#bounds.length;
    this.#quantileFirst[this.#points] = this.#quantiles.length;
  }

  /** Forgets all points from `point` on. */
  #cut(point: number): void {
    if (point === this.#points) return;
    this.#points = point;
    this.#attributes.cut(point);
    this.#exemplars.cut(point);
    this.#bucketCounts.length = this.#bucketFirst[point];
    this.#bounds.length = this.#boundFirst[point];
    this.#quantiles.length = this.#quantileFirst[point];
    this.#quantileValues.length = this.#quantileFirst[point];
  }

  #grow(): void {
    const capacity = this.#metric.length * 2;
    this.#metric = grownUint32(this.#metric, capacity);
    this.#startTime = grownUint32(this.#startTime, capacity);
    this.#time = grownUint32(this.#time, capacity);
    this.#startTimeMs = grownFloat64(this.#startTimeMs, capacity);
    this.#timeMs = grownFloat64(this.#timeMs, capacity);
    this.#flags = grownUint32(this.#flags, capacity);
    this.#value = grownFloat64(this.#value, capacity);
    this.#isInteger = grownUint8(this.#isInteger, capacity);
    this.#count = grownFloat64(this.#count, capacity);
    this.#sum = grownFloat64(this.#sum, capacity);
    this.#min = grownFloat64(this.#min, capacity);
    this.#max = grownFloat64(this.#max, capacity);
    this.#bucketFirst = grownUint32(this.#bucketFirst, capacity + 1);
    this.#boundFirst = grownUint32(this.#boundFirst, capacity + 1);
    this.#quantileFirst = grownUint32(this.#quantileFirst, capacity + 1);
    this.#scale = grownInt32(this.#scale, capacity);
    this.#zeroCount = grownFloat64(this.#zeroCount, capacity);
    this.#zeroThreshold = grownFloat64(this.#zeroThreshold, capacity);
    this.#positiveOffset = grownInt32(this.#positiveOffset, capacity);
    this.#positiveCount = grownUint32(this.#positiveCount, capacity);
    this.#negativeOffset = grownInt32(this.#negativeOffset, capacity);
  }
}

function kindOfTag(tag: number): MetricKind {
  switch (tag) {
    case 58:
      return "sum";
    case 74:
      return "histogram";
    case 82:
      return "exponentialHistogram";
    case 90:
      return "summary";
    default:
      return "gauge";
  }
}

function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}
