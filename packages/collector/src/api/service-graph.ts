import type { Clock } from "@tocsin/model";
import { Router } from "express";
import type { GraphEdge } from "../signals/service-graph.js";

export interface ServiceGraphDeps {
  readonly signals: { graph(nowMs: number): readonly GraphEdge[] };
  readonly clock: Clock;
}

/** `GET /service-graph`: who calls whom, `{ nodes: [{ name, kind }], edges: [{ client, server, kind, … }] }`. */
export function serviceGraphRoutes({ signals, clock }: ServiceGraphDeps): Router {
  const router = Router();
  router.get("/service-graph", (_request, response) => {
    const edges = signals.graph(clock.now());
    const nodes = new Map<string, string>();
    for (const { client, server, kind } of edges) {
      nodes.set(client, "service");
      if (!nodes.has(server)) nodes.set(server, kind);
    }
    response.json({ nodes: [...nodes].map(([name, kind]) => ({ name, kind })), edges });
  });
  return router;
}
