import express, { type Router } from "express";
import { z } from "zod";
import { foreignHandler, parseJson, textAttribute } from "./foreign.js";
import type { Intake } from "./intake.js";
import { Refusal } from "./refusal.js";
import type { WriteAuthorizer } from "./sender.js";

/** Times are whole microseconds; senders in JavaScript may write them as text. */
const micros = z
  .union([z.number().nonnegative(), z.string().regex(/^\d+$/)])
  .transform((value) => (typeof value === "string" ? BigInt(value) : BigInt(Math.round(value))));
const Endpoint = z.object({
  serviceName: z.string().optional(),
  ipv4: z.string().optional(),
  ipv6: z.string().optional(),
  port: z.number().optional(),
});
const ZipkinSpan = z.object({
  traceId: z.string().regex(/^[0-9a-fA-F]{1,32}$/),
  id: z.string().regex(/^[0-9a-fA-F]{1,16}$/),
  parentId: z
    .string()
    .regex(/^[0-9a-fA-F]{1,16}$/)
    .nullish(),
  name: z.string().nullish(),
  kind: z.string().nullish(),
  timestamp: micros.nullish(),
  duration: micros.nullish(),
  localEndpoint: Endpoint.nullish(),
  remoteEndpoint: Endpoint.nullish(),
  annotations: z.array(z.object({ timestamp: micros, value: z.string() })).nullish(),
  tags: z.record(z.string(), z.string()).nullish(),
});
type ZipkinSpan = z.infer<typeof ZipkinSpan>;

const KINDS: Readonly<Record<string, number>> = { SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 };

/**
 * Zipkin v2 JSON: `POST /api/v2/spans`, answered 202.
 *
 * @see Zipkin API v2; OpenTelemetry, "Zipkin" (the mapping, read from right to left).
 */
export function zipkinRoutes(intake: Intake, authorizer: WriteAuthorizer): Router {
  const router = express.Router();
  const handler = foreignHandler(
    {
      name: "Zipkin",
      transport: "zipkin",
      signal: "traces",
      mediaTypes: ["application/json", ""],
      acceptedStatus: 202,
      toOtlp: (body) => zipkinToOtlp(parseJson(body)),
    },
    intake,
    authorizer,
  );
  router.all("/api/v2/spans", handler);
  return router;
}

/** Spans in Zipkin's form as an OTLP/JSON request; spans of one service come under one resource. */
export function zipkinToOtlp(body: unknown): object {
  const parsed = z.array(ZipkinSpan).safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Refusal(
      "malformed",
      `Not a list of Zipkin v2 spans: ${issue.path.join(".")}: ${issue.message}.`,
    );
  }
  const byService = new Map<string, ZipkinSpan[]>();
  for (const span of parsed.data) {
    const service = span.localEndpoint?.serviceName ?? "";
    byService.set(service, [...(byService.get(service) ?? []), span]);
  }
  return {
    resourceSpans: [...byService].map(([service, spans]) => ({
      resource: { attributes: service === "" ? [] : [textAttribute("service.name", service)] },
      scopeSpans: [{ scope: { name: "zipkin" }, spans: spans.map(toSpan) }],
    })),
  };
}

function toSpan(span: ZipkinSpan): object {
  const start = (span.timestamp ?? 0n) * 1_000n;
  const error = span.tags?.error;
  const remote = span.remoteEndpoint;
  const address = remote?.ipv4 ?? remote?.ipv6;
  return {
    traceId: span.traceId.padStart(32, "0"),
    spanId: span.id.padStart(16, "0"),
    ...(span.parentId ? { parentSpanId: span.parentId.padStart(16, "0") } : {}),
    name: span.name ?? "",
    kind: KINDS[span.kind?.toUpperCase() ?? ""] ?? 1,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + (span.duration ?? 0n) * 1_000n),
    attributes: [
      ...Object.entries(span.tags ?? {}).map(([key, value]) => tagAttribute(key, value)),
      ...(remote?.serviceName ? [textAttribute("peer.service", remote.serviceName)] : []),
      ...(address ? [textAttribute("network.peer.address", address)] : []),
      ...(remote?.port ? [{ key: "network.peer.port", value: { intValue: remote.port } }] : []),
    ],
    events: (span.annotations ?? []).map(({ timestamp, value }) => ({
      timeUnixNano: String(timestamp * 1_000n),
      name: value,
    })),
    // The tag's presence means failure; its text is the reason, "true" where there is none.
    ...(error === undefined ? {} : { status: { code: 2, message: error === "true" ? "" : error } }),
  };
}

/** Zipkin's tags are all text; the status code is a number everywhere else. */
function tagAttribute(key: string, value: string): object {
  if (/^http\.(response\.)?status_code$/.test(key) && /^\d{3}$/.test(value)) {
    return { key, value: { intValue: value } };
  }
  return textAttribute(key, value);
}
