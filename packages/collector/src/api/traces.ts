import { Router } from "express";
import type { TraceReader } from "../store/traces/trace-reader.js";
import { pageOf, traceFilter } from "./search-query.js";
import { answerFromStore, failAsJson, type StoreDeps } from "./store-answer.js";

/**
 * Traces under `/api/v1`:
 *
 *     GET traces        {traces: [summary, …], nextCursor}, newest first
 *                       ?service= operation= route= status= kind= min_duration=300ms max_duration= attribute=key=value
 *                       start= end= since=1h limit=20 cursor=
 *     GET traces/{id}   {traceId, spans: […], isTruncated}; 404 when the store has none of its spans
 */
export function tracesRoutes(deps: StoreDeps<{ readonly traces: TraceReader }>): Router {
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
