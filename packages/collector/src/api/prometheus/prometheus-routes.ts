import type { Storage } from "@tocsin/promql";
import express, { Router } from "express";
import type { MetricsCatalogue } from "./catalogue.js";
import { federateRoutes } from "./federate.js";
import { type QueryDeps, queryRoutes } from "./query-routes.js";
import { rulesRoutes } from "./rules-routes.js";
import { NO_RULES, NO_TARGETS, type RulesView, type TargetsView } from "./rules-view.js";
import { seriesRoutes } from "./series-routes.js";
import { statusRoutes } from "./status-routes.js";

export interface PrometheusDeps extends QueryDeps {
  /** Where `/federate` finds the newest samples. */
  readonly storage: Storage;
  readonly catalogue: MetricsCatalogue;
  /** What `/rules` and `/alerts` show; none where nothing evaluates rules. */
  readonly rules?: RulesView;
  /** What `/targets` shows; none where nothing is scraped. */
  readonly targets?: TargetsView;
  /** The collector's own version. */
  readonly version: string;
}

/**
 * Prometheus's HTTP API and `/federate`, to be mounted at `/prometheus`: the API's paths begin with `/api/v1`. Grafana, KEDA, Flagger and
 * Argo Rollouts take it for a Prometheus server.
 */
export function prometheusRoutes(deps: PrometheusDeps): Router {
  const api = Router();
  // Queries may be long; a form is kept as text so that repeated parameters survive.
  api.use(express.text({ type: "application/x-www-form-urlencoded", limit: "10mb" }));
  queryRoutes(api, deps);
  seriesRoutes(api, deps.catalogue);
  rulesRoutes(api, deps.rules ?? NO_RULES, deps.targets ?? NO_TARGETS);
  statusRoutes(api, deps.catalogue, deps.version);
  const router = Router();
  router.use("/api/v1", api);
  router.use(federateRoutes(deps));
  for (const path of ["/-/healthy", "/-/ready"]) {
    router.get(path, (_request, response) => {
      response.type("text/plain").send("Tocsin is Healthy.\n");
    });
  }
  return router;
}
