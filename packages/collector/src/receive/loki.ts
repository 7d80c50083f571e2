import express, { type Router } from "express";
import snappy from "snappyjs";
import { z } from "zod";
import { WireReader } from "../otlp/wire.js";
import { foreignHandler, parseJson, textAttribute } from "./foreign.js";
import type { Intake } from "./intake.js";
import { Refusal } from "./refusal.js";
import type { WriteAuthorizer } from "./sender.js";

interface Line {
  /** Nanoseconds since 1970, in decimal. */
  readonly time: string;
  readonly text: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Stream {
  readonly labels: Readonly<Record<string, string>>;
  readonly lines: readonly Line[];
}

const texts = z.record(z.string(), z.string());
const JsonPush = z.object({
  streams: z.array(
    z.object({
      stream: texts,
      values: z.array(
        z.union([
          z.tuple([z.string().regex(/^\d+$/), z.string()]),
          z.tuple([z.string().regex(/^\d+$/), z.string(), texts]),
        ]),
      ),
    }),
  ),
});

/** Labels that name the service, the most explicit first. */
const SERVICE_LABELS = ["service_name", "service", "app", "job"];
const SEVERITIES: readonly [RegExp, number][] = [
  [/^(trace|trc)/i, 1],
  [/^(debug|dbg)/i, 5],
  [/^(info|inf|notice)/i, 9],
  [/^(warn|wrn)/i, 13],
  [/^(err|eror)/i, 17],
  [/^(fatal|crit|emerg|alert|panic)/i, 21],
];

/**
 * Loki's push API: `POST /loki/api/v1/push`, JSON or snappy-compressed protobuf, answered 204.
 *
 * @see Grafana Loki, HTTP API, "Ingest logs".
 */
export function lokiRoutes(intake: Intake, authorizer: WriteAuthorizer): Router {
  const router = express.Router();
  const handler = foreignHandler(
    {
      name: "Loki's push",
      transport: "loki",
      signal: "logs",
      // Senders of protobuf may leave the type out, and may or may not name snappy as its encoding.
      mediaTypes: ["application/json", "application/x-protobuf", "application/protobuf", ""],
      ownEncoding: "snappy",
      acceptedStatus: 204,
      toOtlp: lokiToOtlp,
    },
    intake,
    authorizer,
  );
  router.all("/loki/api/v1/push", handler);
  return router;
}

/** A push as an OTLP/JSON request: labels become resource attributes, structured metadata the line's own. */
export function lokiToOtlp(body: Buffer, mediaType: string, maxBytes: number): object {
  const streams = mediaType === "application/json" ? readJsonPush(body) : readProtobufPush(body, maxBytes);
  return {
    resourceLogs: streams.map(({ labels, lines }) => {
      const service = SERVICE_LABELS.map((label) => labels[label]).find((value) => value);
      return {
        resource: {
          attributes: [
            ...(service ? [textAttribute("service.name", service)] : []),
            ...Object.entries(labels).map(([name, value]) => textAttribute(name, value)),
          ],
        },
        scopeLogs: [{ scope: { name: "loki" }, logRecords: lines.map((line) => toRecord(line, labels)) }],
      };
    }),
  };
}

function toRecord({ time, text, metadata }: Line, labels: Readonly<Record<string, string>>): object {
  const level = metadata.level ?? metadata.detected_level ?? labels.level ?? labels.detected_level ?? "";
  const severity = SEVERITIES.find(([pattern]) => pattern.test(level))?.[1];
  const traceId = metadata.trace_id ?? metadata.traceID ?? "";
  const spanId = metadata.span_id ?? metadata.spanID ?? "";
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    body: { stringValue: text },
    attributes: Object.entries(metadata).map(([name, value]) => textAttribute(name, value)),
    ...(severity === undefined ? {} : { severityNumber: severity, severityText: level }),
    ...(/^[0-9a-f]{32}$/i.test(traceId) ? { traceId } : {}),
    ...(/^[0-9a-f]{16}$/i.test(spanId) ? { spanId } : {}),
  };
}

function readJsonPush(body: Buffer): Stream[] {
  const parsed = JsonPush.safeParse(parseJson(body));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Refusal("malformed", `Not a Loki push: ${issue.path.join(".")}: ${issue.message}.`);
  }
  return parsed.data.streams.map(({ stream, values }) => ({
    labels: stream,
    lines: values.map(([time, text, metadata = {}]) => ({ time, text, metadata })),
  }));
}

function readProtobufPush(body: Buffer, maxBytes: number): Stream[] {
  let bytes: Buffer;
  try {
    bytes = Buffer.from(snappy.uncompress(body, maxBytes));
  } catch (error) {
    throw new Refusal("malformed", "The body is not snappy-compressed, or larger than the limit.", error);
  }
  const streams: Stream[] = [];
  eachField(bytes, (field, slice) => {
    if (field === 1) streams.push(readStream(slice));
  });
  return streams;
}

function readStream(bytes: Buffer): Stream {
  let labels: Record<string, string> = {};
  const lines: Line[] = [];
  eachField(bytes, (field, slice) => {
    if (field === 1) labels = readLabels(slice.toString());
    else if (field === 2) lines.push(readEntry(slice));
  });
  return { labels, lines };
}

function readEntry(bytes: Buffer): Line {
  let time = 0n;
  let text = "";
  const metadata: Record<string, string> = Object.create(null);
  eachField(bytes, (field, slice) => {
    if (field === 1) time = readTimestamp(slice);
    else if (field === 2) text = slice.toString();
    else if (field === 3) {
      const pair = ["", ""];
      eachField(slice, (part, content) => {
        pair[part - 1] = content.toString();
      });
      metadata[pair[0]] = pair[1];
    }
  });
  return { time: String(time), text, metadata };
}

function readTimestamp(bytes: Buffer): bigint {
  const reader = new WireReader(bytes);
  let nanos = 0n;
  while (reader.pos < bytes.length) {
    const tag = reader.tag(bytes.length);
    if (tag === 8) nanos += BigInt(reader.varint64()) * 1_000_000_000n;
    else if (tag === 16) nanos += BigInt(reader.varint32());
    else reader.skip(tag, bytes.length);
  }
  return nanos;
}

/** Calls back with each length-delimited field. */
function eachField(bytes: Buffer, onField: (field: number, slice: Buffer) => void): void {
  const reader = new WireReader(bytes);
  while (reader.pos < bytes.length) {
    const tag = reader.tag(bytes.length);
    if ((tag & 7) !== 2) {
      reader.skip(tag, bytes.length);
      continue;
    }
    const stop = reader.stop(bytes.length);
    onField(tag >>> 3, bytes.subarray(reader.pos, stop));
    reader.pos = stop;
  }
}

/** `{app="shop", level="info"}`, with Go's escapes, which for these texts are JSON's. */
function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = Object.create(null);
  for (const [, name, quoted] of text.matchAll(/([A-Za-z_][\w.]*)\s*=\s*("(?:[^"\\]|\\.)*")/g)) {
    try {
      labels[name] = String(JSON.parse(quoted));
    } catch {
      labels[name] = quoted.slice(1, -1);
    }
  }
  return labels;
}
