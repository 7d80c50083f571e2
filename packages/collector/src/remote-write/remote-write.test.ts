import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ManualClock } from "@tocsin/model/testing";
import type { Histogram } from "@tocsin/promql";
import express from "express";
import fc from "fast-check";
import { Registry } from "prom-client";
import protobuf from "protobufjs";
import snappy from "snappyjs";
import { afterEach, describe, expect, test } from "vitest";
import { CollectorError } from "../errors.js";
import { type AppendSamples, remoteWriteRoutes } from "./receive-routes.js";
import { fromVersion2 } from "./version-2.js";
import { readLabels, readWriteRequest } from "./write-request.js";
import { writeWriteRequest } from "./write-request-writer.js";

// The messages as Prometheus publishes them, for a library that is not ours to write and read.
const PROTO = `
syntax = "proto3";
message Sample { double value = 1; int64 timestamp = 2; }
message Label { string name = 1; string value = 2; }
message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
message BucketSpan { sint32 offset = 1; uint32 length = 2; }
message Histogram {
  oneof count { uint64 count_int = 1; double count_float = 2; }
  double sum = 3; sint32 schema = 4; double zero_threshold = 5;
  oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
  repeated BucketSpan negative_spans = 8; repeated sint64 negative_deltas = 9; repeated double negative_counts = 10;
  repeated BucketSpan positive_spans = 11; repeated sint64 positive_deltas = 12; repeated double positive_counts = 13;
  int32 reset_hint = 14; int64 timestamp = 15; repeated double custom_values = 16;
}
message MetricMetadata { int32 type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
message TimeSeries {
  repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; repeated Histogram histograms = 4;
}
message WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
message ExemplarV2 { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
message MetadataV2 { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
message TimeSeriesV2 {
  repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3;
  repeated ExemplarV2 exemplars = 4; MetadataV2 metadata = 5; int64 created_timestamp = 6;
}
message RequestV2 { repeated string symbols = 4; repeated TimeSeriesV2 timeseries = 5; }
`;
const root = protobuf.parse(PROTO).root;
const encode = (type: string, message: object) =>
  Buffer.from(root.lookupType(type).encode(root.lookupType(type).fromObject(message)).finish());
const decode = (type: string, bytes: Buffer) =>
  root.lookupType(type).toObject(root.lookupType(type).decode(bytes), { longs: Number });

function readAll(bytes: Buffer): unknown[] {
  const events: unknown[] = [];
  readWriteRequest(bytes, {
    series: (labels) => events.push(readLabels(labels)),
    sample: (timeMs, value, isStale, startMs) => events.push([timeMs, isStale ? "stale" : value, startMs]),
    histogram: (timeMs, histogram, isStale, startMs) =>
      events.push([timeMs, isStale ? "stale" : histogram, startMs]),
    exemplar: (labels, value, timeMs) => events.push({ labels, value, timeMs }),
    metadata: (...family) => events.push(family),
  });
  return events;
}

const HISTOGRAM: Histogram = {
  schema: 2,
  count: 9,
  sum: 4.5,
  zeroThreshold: 0.001,
  zeroCount: 1,
  positive: { offset: -3, buckets: [2, 0, 0, 5] },
  negative: { offset: 1, buckets: [1] },
  counterResetHint: "not_reset",
};

test("reads what a protobuf library wrote, with spans and deltas", () => {
  const bytes = encode("WriteRequest", {
    timeseries: [
      {
        labels: [
          { name: "__name__", value: "m" },
          { name: "größe", value: "😀" },
        ],
        samples: [
          { value: 1.5, timestamp: 1_790_000_000_000 },
          { value: -2, timestamp: 5 },
        ],
        exemplars: [{ labels: [{ name: "trace_id", value: "ab" }], value: 3, timestamp: 7 }],
        histograms: [
          {
            countInt: 9,
            sum: 4.5,
            schema: 2,
            zeroThreshold: 0.001,
            zeroCountInt: 1,
            positiveSpans: [
              { offset: -3, length: 1 },
              { offset: 2, length: 1 },
            ],
            positiveDeltas: [2, 3],
            negativeSpans: [{ offset: 1, length: 1 }],
            negativeDeltas: [1],
            resetHint: 2,
            timestamp: 9,
          },
        ],
      },
    ],
    metadata: [{ type: 1, metricFamilyName: "m", help: "Help.", unit: "s" }],
  });
  expect(readAll(bytes)).toEqual([
    { __name__: "m", größe: "😀" },
    [1_790_000_000_000, 1.5, 0],
    [5, -2, 0],
    { labels: { trace_id: "ab" }, value: 3, timeMs: 7 },
    [9, HISTOGRAM, 0],
    ["m", 1, "Help.", "s"],
  ]);
});

test("a protobuf library reads what is written here, and so do we", () => {
  const bytes = writeWriteRequest(
    [
      {
        labels: { job: "a", __name__: "m", empty: "" },
        samples: [
          { timeMs: 1_790_000_000_000, value: 0.25 },
          { timeMs: 2, value: "stale" },
          { timeMs: 3, value: HISTOGRAM },
        ],
        exemplars: [{ labels: { trace_id: "ab" }, value: 3, timeMs: 7 }],
        startMs: 1_700_000_000_000,
      },
    ],
    [{ name: "m", type: 3, help: "Help.", unit: "" }],
  );
  const read = decode("WriteRequest", bytes);
  expect(read.timeseries[0].labels).toEqual([
    { name: "__name__", value: "m" },
    { name: "job", value: "a" },
  ]);
  expect(read.timeseries[0].samples[0]).toEqual({ value: 0.25, timestamp: 1_790_000_000_000 });
  expect(read.timeseries[0].histograms[0]).toMatchObject({ countFloat: 9, positiveCounts: [2, 0, 0, 5] });
  expect(readAll(bytes)).toEqual([
    { __name__: "m", job: "a" },
    [1_790_000_000_000, 0.25, 1_700_000_000_000],
    [2, "stale", 1_700_000_000_000],
    { labels: { trace_id: "ab" }, value: 3, timeMs: 7 },
    [3, HISTOGRAM, 1_700_000_000_000],
    ["m", 3, "Help.", ""],
  ]);
});

const VERSION_2 = encode("RequestV2", {
  symbols: ["", "__name__", "reqs_total", "job", "a", "Requests.", "trace_id", "ab"],
  timeseries: [
    {
      labelsRefs: [1, 2, 3, 4],
      samples: [{ value: 5, timestamp: 2_000 }],
      exemplars: [{ labelsRefs: [6, 7], value: 3, timestamp: 7 }],
      metadata: { type: 1, helpRef: 5, unitRef: 0 },
      createdTimestamp: 1_000,
    },
  ],
});

test("remote write 2.0 becomes 1.0 with starts and metadata", () => {
  expect(readAll(fromVersion2(VERSION_2))).toEqual([
    ["reqs_total", 1, "Requests.", ""],
    { __name__: "reqs_total", job: "a" },
    [2_000, 5, 1_000],
    { labels: { trace_id: "ab" }, value: 3, timeMs: 7 },
  ]);
});

describe("the receiver", () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  async function post(body: Buffer, headers: Record<string, string> = {}, append?: AppendSamples) {
    const spooled: Buffer[] = [];
    const routes = remoteWriteRoutes({
      append: append ?? (async (record) => void spooled.push(record.body)),
      clock: new ManualClock(),
      registry: new Registry(),
      maxBytes: 100_000,
    });
    server = createServer(express().use("/prometheus/api/v1/write", routes));
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/prometheus/api/v1/write`, {
      method: "POST",
      body: new Uint8Array(body),
      headers: { "content-encoding": "snappy", "content-type": "application/x-protobuf", ...headers },
    });
    return { status: response.status, text: await response.text(), headers: response.headers, spooled };
  }

  const plain = writeWriteRequest([{ labels: { __name__: "m" }, samples: [{ timeMs: 1, value: 2 }] }]);
  const proto2 = { "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request" };

  test("spools the plain request, then answers 204", async () => {
    const { status, spooled } = await post(snappy.compress(plain));
    expect(status).toBe(204);
    expect(spooled).toEqual([plain]);
  });

  test("tells a 2.0 sender what was written", async () => {
    const { status, headers } = await post(snappy.compress(VERSION_2), proto2);
    expect(status).toBe(204);
    expect(headers.get("x-prometheus-remote-write-samples-written")).toBe("1");
    expect(headers.get("x-prometheus-remote-write-exemplars-written")).toBe("1");
  });

  const broken = encode("RequestV2", { symbols: ["", "a"], timeseries: [{ labelsRefs: [1, 9] }] });
  test.each([
    { name: "no snappy", body: Buffer.from("hello"), headers: {}, status: 400 },
    { name: "a cut message", body: snappy.compress(plain.subarray(0, -3)), headers: {}, status: 400 },
    { name: "an unknown symbol", body: snappy.compress(broken), headers: proto2, status: 400 },
    { name: "a bomb", body: snappy.compress(Buffer.alloc(200_000)), headers: {}, status: 400 },
    { name: "gzip", body: plain, headers: { "content-encoding": "gzip" }, status: 415 },
    { name: "JSON", body: plain, headers: { "content-type": "application/json" }, status: 415 },
    { name: "a large body", body: Buffer.alloc(100_001, 1), headers: {}, status: 413 },
  ])("answers $status to $name and spools nothing", async ({ body, headers, status }) => {
    const answer = await post(body, headers as Record<string, string>);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toBe("");
    expect(answer.spooled).toEqual([]);
  });

  test("asks to come again when the spool is full", async () => {
    const full = async () => {
      throw new CollectorError("SPOOL_FULL", "The spool is full.", { retryable: true });
    };
    const { status, headers } = await post(snappy.compress(plain), {}, full);
    expect(status).toBe(429);
    expect(headers.get("retry-after")).toBe("5");
  });
});

test("any bytes are read or refused, never worse", () => {
  const good = encode("WriteRequest", {
    timeseries: [
      {
        labels: [{ name: "__name__", value: "m" }],
        samples: [{ value: 1, timestamp: 2 }],
        histograms: [{ countInt: 1, sum: 1, positiveSpans: [{ offset: 1, length: 1 }], positiveDeltas: [1] }],
      },
    ],
    metadata: [{ type: 1, metricFamilyName: "m" }],
  });
  const damaged = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    .map((changes) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  const bytes = fc.oneof(
    damaged,
    fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
  );
  fc.assert(
    fc.property(bytes, (body) => {
      for (const read of [() => readAll(body), () => fromVersion2(body)]) {
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(CollectorError);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});
