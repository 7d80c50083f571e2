import { Router } from "express";
import { type LatencyReader, MAX_GROUPS } from "../store/traces/latency-reader.js";
import type { TraceReader } from "../store/traces/trace-reader.js";
import { one, pageOf, traceFilter } from "./search-query.js";
import { answerFromStore, failAsJson, type StoreDeps } from "./store-answer.js";

/**
 * Traces under `/api/v1`:
 *
 *     GET traces        {traces: [summary, …], nextCursor}, newest first
 *                       ?service= operation= route= status= kind= min_duration=300ms max_duration= attribute=key=value
 *                       start= end= since=1h limit=20 cursor=
 *     GET traces/summary  {by, groups: [{key, spanCount, errorCount, latencySeconds}, …], isTruncated}, the largest first:
 *                       the spans that fulfil the same filter, by=service (default), operation, route, version, status,
 *                       kind or any attribute; limit=100
 *     GET traces/{id}   {traceId, spans: […], isTruncated}; 404 when the store has none of its spans
 */
export function tracesRoutes(
  deps: StoreDeps<{ readonly traces: TraceReader; readonly latency: LatencyReader }>,
): Router {
  const router = Router();
  router.get("/traces", (request, response) =>
    answerFromStore(deps, request, response, failAsJson, async (store, signal) => {
      const filter = traceFilter(request.query, deps.clock.now());
      const { traces, nextCursor } = await store.traces.search(filter, {
        ...pageOf(request.query, 20, 500),
        signal,
      });
      response.json({ traces, nextCursor: nextCursor ?? null });
    }),
  );
  router.get("/traces/summary", (request, response) =>
    answerFromStore(deps, request, response, failAsJson, async (store, signal) => {
      const { by: _, ...rest } = request.query;
      const filter = traceFilter(rest, deps.clock.now());
      const by = one(request.query, "by") ?? "service";
      const { limit } = pageOf(request.query, 100, MAX_GROUPS);
      response.json({ by, ...(await store.latency.groups(filter, by, limit, signal)) });
    }),
  );
  router.get("/traces/:id", (request, response) =>
    answerFromStore(deps, request, response, failAsJson, async (store, signal) => {
      const { id } = request.params;
      const trace = /^[0-9a-f]{1,32}$/i.test(id) ? await store.traces.byId(id, signal) : undefined;
      if (trace === undefined) {
        failAsJson(response, {
          status: 404,
          code: "TRACE_UNKNOWN",
          message: `The store has no span of the trace ${id.slice(0, 80)}. It may be older than the retention, or a second too young.`,
        });
      } else response.json(trace);
    }),
  );
  return router;
}
