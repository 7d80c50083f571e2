import type { Clock } from "@tocsin/model";
import { Router } from "express";
import type { ServiceDetail, ServiceSignals } from "../signals/service-signals.js";

/** What the routes read; `Signals` fits. */
export interface ServicesDeps {
  readonly signals: {
    services(nowMs: number): readonly ServiceSignals[];
    service(name: string, nowMs: number, environment?: string): ServiceDetail | undefined;
  };
  readonly clock: Clock;
}

/**
 * `GET /services`: the four signals of every service, by name. `GET /services/{name}`: the same with routes,
 * dependencies and deployments; `?environment=` chooses where a service runs in several.
 */
export function servicesRoutes({ signals, clock }: ServicesDeps): Router {
  const router = Router();
  router.get("/services", (_request, response) => {
    response.json(signals.services(clock.now()));
  });
  router.get("/services/:name", (request, response) => {
    const { name } = request.params;
    const { environment } = request.query;
    const detail = signals.service(
      name,
      clock.now(),
      typeof environment === "string" ? environment : undefined,
    );
    if (detail) response.json(detail);
    else
      response.status(404).json({ error: `Nothing was heard of a service "${name}". See /api/v1/services.` });
  });
  return router;
}
