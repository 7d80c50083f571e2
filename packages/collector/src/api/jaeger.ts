import { parseDuration, type UnixMs } from "@tocsin/model";
import { type Request, type Response, Router } from "express";
import type { Names, ServiceReader } from "../store/traces/service-reader.js";
import type { SpanKindName, TraceFilter } from "../store/traces/trace.js";
import type { TraceReader } from "../store/traces/trace-reader.js";
import { jaegerTrace } from "./jaeger-json.js";
import { checkedInstant, many, nanosOfDuration, one, type Query, QueryProblem } from "./search-query.js";
import { answerFromStore, type Failure, type StoreDeps } from "./store-answer.js";

interface JaegerStore {
  readonly traces: TraceReader;
  readonly services: ServiceReader;
}

/** How far back lists of services and operations look. */
const NAMES_SINCE_MS = 2 * 86_400_000;

/**
 * Jaeger's query API, to be mounted at `/jaeger`: what Grafana's Jaeger source and Jaeger's own page ask.
 *
 *     GET api/services · api/services/{service}/operations · api/operations?service=&spanKind=
 *     GET api/traces?service=&operation=&tags={"k":"v"}&start=&end=&lookback=&minDuration=&maxDuration=&limit=&traceID=
 *     GET api/traces/{id} · api/dependencies?endTs=&lookback=
 *
 * @see jaegertracing.io, "APIs", HTTP JSON; times are microseconds, those of dependencies milliseconds.
 */
export function jaegerRoutes(deps: StoreDeps<JaegerStore>): Router {
  const router = Router();
  const answer =
    (handle: (store: JaegerStore, request: Request, signal: AbortSignal) => Promise<readonly unknown[]>) =>
    (request: Request, response: Response) =>
      answerFromStore(deps, request, response, failAsJaeger, async (store, signal) => {
        const data = await handle(store, request, signal);
        response.json({ data, total: data.length, limit: 0, offset: 0, errors: null });
      });
  /** Lists say when they are not whole; Jaeger's form has a place for that. */
  const list =
    <T>(handle: (store: JaegerStore, request: Request, signal: AbortSignal) => Promise<Names<T>>) =>
    (request: Request, response: Response) =>
      answerFromStore(deps, request, response, failAsJaeger, async (store, signal) => {
        const { found, isTruncated } = await handle(store, request, signal);
        const msg = `There are more; these are the first ${found.length}.`;
        const errors = isTruncated ? [{ code: 206, msg }] : null;
        response.json({ data: found, total: found.length, limit: 0, offset: 0, errors });
      });
  const recent = (signal: AbortSignal) => {
    const endMs = deps.clock.now();
    return { startMs: endMs - NAMES_SINCE_MS, endMs, signal };
  };

  router.get(
    "/api/services",
    list((store, _request, signal) => store.services.names(recent(signal))),
  );
  router.get(
    "/api/services/:service/operations",
    list(async (store, request, signal) => {
      const operations = await store.services.operations(String(request.params.service), recent(signal));
      return { ...operations, found: [...new Set(operations.found.map((operation) => operation.name))] };
    }),
  );
  router.get(
    "/api/operations",
    list(async (store, request, signal) => {
      const service = one(request.query, "service");
      if (service === undefined) throw new QueryProblem("The parameter service is missing.");
      const kind = one(request.query, "spanKind") as SpanKindName | undefined;
      const operations = await store.services.operations(service, {
        ...recent(signal),
        ...(kind && { kind }),
      });
      return {
        ...operations,
        found: operations.found.map(({ name, kind: spanKind }) => ({ name, spanKind })),
      };
    }),
  );
  router.get(
    "/api/traces",
    answer(async (store, request, signal) => {
      const ids = many(request.query, "traceID");
      if (ids.length > 0) return (await store.traces.byIds(ids.filter(isTraceId), signal)).map(jaegerTrace);
      const filter = jaegerFilter(request.query, deps.clock.now());
      const limit = limitOf(request.query);
      const { traces } = await store.traces.search(filter, { limit, signal });
      return (
        await store.traces.byIds(
          traces.map((trace) => trace.traceId),
          signal,
        )
      ).map(jaegerTrace);
    }),
  );
  router.get("/api/traces/:id", (request, response) =>
    answerFromStore(deps, request, response, failAsJaeger, async (store, signal) => {
      const { id } = request.params;
      const trace = isTraceId(id) ? await store.traces.byId(id, signal) : undefined;
      if (trace === undefined) {
        failAsJaeger(response, { status: 404, code: "TRACE_UNKNOWN", message: "trace not found" });
        return;
      }
      response.json({ data: [jaegerTrace(trace)], total: 0, limit: 0, offset: 0, errors: null });
    }),
  );
  router.get(
    "/api/dependencies",
    list((store, request, signal) => {
      const endMs = instantOf(request.query, "endTs") ?? deps.clock.now();
      const lookbackMs = numberOf(request.query, "lookback") ?? 86_400_000;
      return store.services.dependencies({ startMs: Math.max(0, endMs - lookbackMs), endMs, signal });
    }),
  );
  return router;
}

/** @throws {QueryProblem} */
export function jaegerFilter(query: Query, nowMs: number): TraceFilter {
  const service = one(query, "service");
  if (service === undefined) throw new QueryProblem("The parameter service is missing.");
  const endMs = instantOf(query, "end", 1_000) ?? nowMs;
  const operation = one(query, "operation");
  const minimum = one(query, "minDuration");
  const maximum = one(query, "maxDuration");
  const { error, ...tags } = tagsOf(query);
  return {
    service,
    startMs: instantOf(query, "start", 1_000) ?? Math.max(0, endMs - lookbackMs(query)),
    endMs,
    ...(operation !== undefined && operation !== "all" && { operation }),
    ...(minimum !== undefined && { minDurationNanos: nanosOfDuration("minDuration", minimum) }),
    ...(maximum !== undefined && { maxDurationNanos: nanosOfDuration("maxDuration", maximum) }),
    ...(error === "true" && { status: "error" as const }),
    attributes: Object.entries(tags).map(([key, value]) => ({ key, value })),
  };
}

/** `tags={"k":"v"}`, or the older `tag=k:v`. */
function tagsOf(query: Query): Record<string, string> {
  const tags: [string, string][] = many(query, "tag").map((text) => {
    const at = text.indexOf(":");
    if (at < 1) throw new QueryProblem(`tag=${text} is not of the form key:value.`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  for (const text of many(query, "tags")) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw new QueryProblem(`tags=${text} is not a JSON object such as {"http.route":"/pay"}.`);
    }
    if (typeof parsed !== "object" || parsed === null) throw new QueryProblem("tags is not a JSON object.");
    for (const [key, value] of Object.entries(parsed)) tags.push([key, String(value)]);
  }
  return Object.fromEntries(tags);
}

function lookbackMs(query: Query): number {
  const text = one(query, "lookback") ?? "1h";
  try {
    return text === "custom" ? 3_600_000 : parseDuration(text);
  } catch {
    throw new QueryProblem(`lookback=${text} is not a duration such as 1h or 2d.`);
  }
}

function limitOf(query: Query): number {
  const limit = numberOf(query, "limit") ?? 20;
  // Jaeger's own limit for one answer is 1500; whole traces are large.
  return Math.min(Math.max(1, Math.floor(limit)), 1_500);
}

function numberOf(query: Query, name: string): number | undefined {
  const text = one(query, name);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isFinite(number) || number < 0) throw new QueryProblem(`${name}=${text} is not a number.`);
  return number;
}

/** Milliseconds since the epoch, from a parameter that has so many to the millisecond. */
function instantOf(query: Query, name: string, perMs = 1): UnixMs | undefined {
  const number = numberOf(query, name);
  return number === undefined ? undefined : checkedInstant(name, String(number), number / perMs);
}

function isTraceId(text: string): boolean {
  return /^[0-9a-f]{1,32}$/i.test(text);
}

function failAsJaeger(response: Response, { status, message }: Failure): void {
  response.status(status).json({
    data: null,
    total: 0,
    limit: 0,
    offset: 0,
    errors: [{ code: status, msg: message }],
  });
}
