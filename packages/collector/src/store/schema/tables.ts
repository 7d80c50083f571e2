import type { Table, View } from "./table.js";

/**
 * The tables of the OpenTelemetry Collector's ClickHouse exporter, column by column, so that tools made for them
 * (Grafana's ClickHouse plugin, HyperDX) open ours.
 *
 * @see opentelemetry-collector-contrib, exporter/clickhouseexporter
 */
export const OTEL_TABLES: readonly Table[] = [
  {
    name: "otel_traces",
    columns: [
      "Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1))",
      "TraceId String CODEC(ZSTD(1))",
      "SpanId String CODEC(ZSTD(1))",
      "ParentSpanId String CODEC(ZSTD(1))",
      "TraceState String CODEC(ZSTD(1))",
      "SpanName LowCardinality(String) CODEC(ZSTD(1))",
      "SpanKind LowCardinality(String) CODEC(ZSTD(1))",
      "ServiceName LowCardinality(String) CODEC(ZSTD(1))",
      "ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))",
      "ScopeName String CODEC(ZSTD(1))",
      "ScopeVersion String CODEC(ZSTD(1))",
      "SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))",
      "Duration UInt64 CODEC(ZSTD(1))",
      "StatusCode LowCardinality(String) CODEC(ZSTD(1))",
      "StatusMessage String CODEC(ZSTD(1))",
      "Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1))",
      "Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1))",
      "INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1",
      "INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_duration Duration TYPE minmax GRANULARITY 1",
    ],
    partitionBy: "toDate(Timestamp)",
    orderBy: "ServiceName, SpanName, toDateTime(Timestamp)",
    age: "toDateTime(Timestamp)",
    signal: "traces",
    shardBy: "cityHash64(TraceId)",
  },
  {
    name: "otel_traces_trace_id_ts",
    columns: [
      "TraceId String CODEC(ZSTD(1))",
      "Start DateTime CODEC(Delta(4), ZSTD(1))",
      "End DateTime CODEC(Delta(4), ZSTD(1))",
      "INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1",
    ],
    partitionBy: "toDate(Start)",
    orderBy: "TraceId, Start",
    age: "toDateTime(Start)",
    signal: "traces",
    shardBy: "cityHash64(TraceId)",
  },
  {
    name: "otel_logs",
    columns: [
      "Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1))",
      "TimestampTime DateTime DEFAULT toDateTime(Timestamp)",
      "TraceId String CODEC(ZSTD(1))",
      "SpanId String CODEC(ZSTD(1))",
      "TraceFlags UInt8",
      "SeverityText LowCardinality(String) CODEC(ZSTD(1))",
      "SeverityNumber UInt8",
      "ServiceName LowCardinality(String) CODEC(ZSTD(1))",
      "Body String CODEC(ZSTD(1))",
      "ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1))",
      "ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))",
      "ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1))",
      "ScopeName String CODEC(ZSTD(1))",
      "ScopeVersion LowCardinality(String) CODEC(ZSTD(1))",
      "ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))",
      "LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))",
      "EventName String CODEC(ZSTD(1))",
      "INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1",
      "INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_log_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
      "INDEX idx_body Body TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8",
    ],
    partitionBy: "toDate(TimestampTime)",
    primaryKey: "ServiceName, TimestampTime",
    orderBy: "ServiceName, TimestampTime, Timestamp",
    age: "TimestampTime",
    signal: "logs",
    shardBy: "cityHash64(ServiceName, Timestamp)",
  },
];

/** When each trace began and ended, so that reading one touches only its days. */
export const TRACE_ID_VIEW: View = {
  name: "otel_traces_trace_id_ts_mv",
  from: "otel_traces",
  to: "otel_traces_trace_id_ts",
  select:
    "SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End FROM {from} WHERE TraceId != '' GROUP BY TraceId",
};

/** Metrics as PromQL needs them: what a series is called stands apart from its samples. */
export const METRIC_TABLES: readonly Table[] = [
  {
    name: "series",
    columns: [
      "id UInt64",
      "name LowCardinality(String)",
      "labels Map(LowCardinality(String), String) CODEC(ZSTD(1))",
      "day Date",
    ],
    family: "Replacing",
    partitionBy: "toMonday(day)",
    orderBy: "name, id, day",
    age: "day",
    signal: "metrics",
    shardBy: "id",
  },
  {
    name: "samples",
    columns: [
      "id UInt64 CODEC(ZSTD(1))",
      "time DateTime64(3) CODEC(DoubleDelta, ZSTD(1))",
      "value Float64 CODEC(Gorilla, ZSTD(1))",
    ],
    family: "Replacing",
    partitionBy: "toDate(time)",
    orderBy: "id, time",
    age: "toDateTime(time)",
    signal: "metrics",
    shardBy: "id",
  },
  {
    name: "histogram_samples",
    columns: [
      "id UInt64 CODEC(ZSTD(1))",
      "time DateTime64(3) CODEC(DoubleDelta, ZSTD(1))",
      "histogram String CODEC(ZSTD(1))",
    ],
    family: "Replacing",
    partitionBy: "toDate(time)",
    orderBy: "id, time",
    age: "toDateTime(time)",
    signal: "metrics",
    shardBy: "id",
  },
];

export const TABLES: readonly Table[] = [...OTEL_TABLES, ...METRIC_TABLES];
