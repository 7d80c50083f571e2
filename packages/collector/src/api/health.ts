import { Router } from "express";
import type { Registry } from "prom-client";

/** Why the collector is not ready to serve; an empty list means ready. */
export type Readiness = () => readonly string[];

/** `/healthz` (the process answers), `/readyz` (it can take data and queries) and `/metrics` (`tocsin_*`). */
export function healthRoutes(deps: { readiness: Readiness; registry: Registry }): Router {
  const router = Router();
  router.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/readyz", (_request, response) => {
    const reasons = deps.readiness();
    response.status(reasons.length === 0 ? 200 : 503).json({
      status: reasons.length === 0 ? "ready" : "not ready",
      reasons,
    });
  });
  router.get("/metrics", async (_request, response) => {
    response.type(deps.registry.contentType).send(await deps.registry.metrics());
  });
  return router;
}
