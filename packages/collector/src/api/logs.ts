import { once } from "node:events";
import { type Response, Router } from "express";
import type { LogReader } from "../store/logs/log-reader.js";
import type { LogTail, TailBatch } from "../store/logs/log-tail.js";
import { logSearch, pageOf } from "./search-query.js";
import { answerFromStore, failAsJson, type StoreDeps } from "./store-answer.js";

/** A comment this often keeps proxies from closing a quiet stream. */
const HEARTBEAT_MS = 15_000;

/**
 * Logs under `/api/v1`:
 *
 *     GET logs        {logs: […], nextCursor}, newest first
 *                     ?q=words "a phrase"  severity=warn service= trace_id= span_id= attribute=key=value
 *                     start= end= since=1h limit=100 cursor=
 *     GET logs/tail   server-sent events with the same filters: `log` (a record) and `skipped` ({count}: records that
 *                     were left out because the reader was slower than they came)
 */
export function logsRoutes(deps: StoreDeps<{ readonly logs: LogReader; readonly tail: LogTail }>): Router {
  const router = Router();
  router.get("/logs", (request, response) =>
    answerFromStore(deps, request, response, failAsJson, async (store, signal) => {
      const search = logSearch(request.query, deps.clock.now());
      const { logs, nextCursor } = await store.logs.search(search, {
        ...pageOf(request.query, 100, 1_000),
        signal,
      });
      response.json({ logs, nextCursor: nextCursor ?? null });
    }),
  );
  router.get("/logs/tail", (request, response) =>
    answerFromStore(deps, request, response, failAsJson, async (store, signal) => {
      const filter = logSearch(request.query, deps.clock.now());
      const batches = store.tail.follow(filter, signal);
      response.writeHead(200, {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
      });
      response.write(": following\n\n");
      const heartbeat = setInterval(() => response.write(": still here\n\n"), HEARTBEAT_MS);
      try {
        for await (const batch of batches) await send(response, batch, signal);
      } finally {
        clearInterval(heartbeat);
        response.end();
      }
    }),
  );
  return router;
}

/** Writes one batch and waits until the reader has taken it; what comes meanwhile waits in the tail, bounded. */
async function send(response: Response, batch: TailBatch, signal: AbortSignal): Promise<void> {
  let text = "";
  for (const log of batch.logs) text += `event: log\ndata: ${JSON.stringify(log)}\n\n`;
  if (batch.skipped > 0) text += `event: skipped\ndata: ${JSON.stringify({ count: batch.skipped })}\n\n`;
  if (response.write(text)) return;
  await once(response, "drain", { signal }).catch(() => {});
}
