import type { Clock } from "@tocsin/model";
import express, { Router } from "express";
import { z } from "zod";
import type { Deployment, DeploymentMark } from "../signals/deployments.js";
import type { DeploymentReport } from "../signals/service-signals.js";

export interface DeploymentsDeps {
  readonly signals: {
    deployments(nowMs: number, service?: string): readonly DeploymentReport[];
    markDeployment(mark: DeploymentMark): Deployment;
  };
  /** Where marks are written down first; without it they last from the next snapshot on. */
  readonly marks?: { add(mark: DeploymentMark): Promise<Deployment> } | undefined;
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
export function deploymentsRoutes({ signals, marks, clock }: DeploymentsDeps): Router {
  const router = Router();
  router.get("/deployments", (request, response) => {
    const { service } = request.query;
    response.json(signals.deployments(clock.now(), typeof service === "string" ? service : undefined));
  });
  router.post("/deployments", express.json(), async (request, response) => {
    const parsed = Mark.safeParse(request.body);
    if (!parsed.success) {
      response.status(400).json({ error: `Not a deployment: ${z.prettifyError(parsed.error)}` });
      return;
    }
    const { at, ...named } = parsed.data;
    const by = request.identity?.name ?? "";
    const mark = { ...named, atMs: at === undefined ? clock.now() : Date.parse(at), by };
    const { atMs, ...deployment } = marks ? await marks.add(mark) : signals.markDeployment(mark);
    response.status(201).json({ ...deployment, at: new Date(atMs).toISOString() });
  });
  return router;
}
