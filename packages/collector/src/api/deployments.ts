import type { Clock } from "@tocsin/model";
import express, { Router } from "express";
import { z } from "zod";
import type { Deployment } from "../signals/deployments.js";
import type { DeploymentReport } from "../signals/service-signals.js";

export interface DeploymentsDeps {
  readonly signals: {
    deployments(nowMs: number, service?: string): readonly DeploymentReport[];
    markDeployment(deployment: Omit<Deployment, "id" | "previousVersion" | "source">): Deployment;
  };
  readonly clock: Clock;
}

const Mark = z.strictObject({
  service: z.string().min(1),
  version: z.string().min(1),
  environment: z.string().default(""),
  at: z.iso.datetime({ offset: true }).optional(),
});

/**
 * `GET /deployments`: newest first, each with figures before and after; `?service=` for one service.
 * `POST /deployments {service, version, environment?, at?}`: reports one, as CI does after a deploy.
 */
export function deploymentsRoutes({ signals, clock }: DeploymentsDeps): Router {
  const router = Router();
  router.get("/deployments", (request, response) => {
    const { service } = request.query;
    response.json(signals.deployments(clock.now(), typeof service === "string" ? service : undefined));
  });
  router.post("/deployments", express.json(), (request, response) => {
    const parsed = Mark.safeParse(request.body);
    if (!parsed.success) {
      response.status(400).json({ error: `Not a deployment: ${z.prettifyError(parsed.error)}` });
      return;
    }
    const { at, ...mark } = parsed.data;
    const by = request.identity?.name ?? "";
    const atMs = at === undefined ? clock.now() : Date.parse(at);
    response.status(201).json(signals.markDeployment({ ...mark, atMs, by }));
  });
  return router;
}
