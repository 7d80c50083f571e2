import type { UnixMs } from "@tocsin/model";
import {
  decodeLogs,
  decodeTraces,
  hexAt,
  type LogColumns,
  nanosAt,
  type SpanColumns,
} from "../../otlp/index.js";
import type { SpoolSignal } from "../../spool/record.js";
import type { Block } from "../native/block.js";
import { LogBlock } from "../native/log-block.js";
import { SpanBlock } from "../native/span-block.js";
import type { TimeWindow } from "../native/time-window.js";
import type { Placement } from "../placement.js";
import type { Landmark } from "./encoded-batch.js";

/** How records of one signal become rows of one table. */
export interface RowSource<C extends { readonly rowCount: number }> {
  readonly signal: SpoolSignal & ("traces" | "logs");
  readonly table: string;
  readonly block: Block;
  decode(body: Buffer): C;
  timeMs(columns: C, row: number, receivedAtMs: UnixMs): UnixMs;
  /** Adds the rows in the window that are wanted (all where nothing is said) to the block. */
  append(
    columns: C,
    window: TimeWindow,
    receivedAtMs: UnixMs,
    isWanted: ((row: number) => boolean) | undefined,
  ): void;
  /** Which of several shards a row belongs to; undefined where its batch decides. */
  shardOf(columns: C, row: number, placement: Placement): number | undefined;
  landmark(columns: C, row: number, receivedAtMs: UnixMs): Landmark;
}

export function spanSource(): RowSource<SpanColumns> {
  const spans = new SpanBlock();
  return {
    signal: "traces",
    table: "otel_traces",
    block: spans.block,
    decode: (body) => decodeTraces(body),
    timeMs: (columns, row) => columns.startTimeMs[row],
    append: (columns, window, _receivedAtMs, isWanted) => spans.append(columns, window, isWanted),
    // A trace lies whole on one shard, so that joins within it and pages over traces need only that shard.
    shardOf: ({ bytes, traceId }, row, placement) => placement.ofTrace(bytes, traceId[row]),
    landmark: ({ bytes, traceId, spanId, startTime }, row) => ({
      where:
        "TraceId = {trace:String} AND SpanId = {span:String} AND Timestamp = fromUnixTimestamp64Nano({time:Int64})",
      params: {
        trace: hexAt(bytes, traceId[row], 16),
        span: hexAt(bytes, spanId[row], 8),
        time: String(nanosAt(bytes, startTime[row])),
      },
    }),
  };
}

export function logSource(): RowSource<LogColumns> {
  const logs = new LogBlock();
  return {
    signal: "logs",
    table: "otel_logs",
    block: logs.block,
    decode: (body) => decodeLogs(body),
    timeMs: (columns, row, receivedAtMs) => columns.timeMs[row] || receivedAtMs,
    append: (columns, window, receivedAtMs, isWanted) => logs.append(columns, window, receivedAtMs, isWanted),
    shardOf: () => undefined,
    landmark: (columns, row, receivedAtMs) => {
      const time = columns.time[row] || columns.observedTime[row];
      const nanos = time === 0 ? BigInt(Math.round(receivedAtMs)) * 1_000_000n : nanosAt(columns.bytes, time);
      const service = columns.resources[columns.scopes[columns.scope[row]].resource].serviceName;
      return {
        where: `ServiceName = {service:String} AND TimestampTime = toDateTime({second:Int64})
  AND Timestamp = fromUnixTimestamp64Nano({time:Int64}) AND TraceId = {trace:String} AND SpanId = {span:String}`,
        params: {
          service,
          second: String(nanos / 1_000_000_000n),
          time: String(nanos),
          trace: hexAt(columns.bytes, columns.traceId[row], 16),
          span: hexAt(columns.bytes, columns.spanId[row], 8),
        },
      };
    },
  };
}
