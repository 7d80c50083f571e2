import { type Logger, messageOf } from "@tocsin/model";
import express, { type ErrorRequestHandler, type Express, type Router } from "express";
import type { Registry } from "prom-client";
import type { Authenticator } from "../auth/authenticator.js";
import { requireByMethod, requirePermission, sameOriginOnly } from "./guard.js";
import { healthRoutes, type Readiness } from "./health.js";

export interface AppDeps {
  readonly authenticator: Authenticator;
  readonly registry: Registry;
  readonly readiness: Readiness;
  readonly logger: Logger;
  /** Host names, besides loopback's, that the collector answers to. */
  readonly hosts: readonly string[];
  /** Tocsin's own API, mounted at `/api/v1`. */
  readonly tocsin: readonly Router[];
  /** Mounted at `/prometheus`, `/alertmanager` and `/jaeger`; their POST forms are reads unless they say otherwise. */
  readonly prometheus: Router | undefined;
  readonly alertmanager: Router | undefined;
  readonly jaeger: Router | undefined;
  /** Paths that take telemetry (remote write), mounted before the reading APIs with the `write` permission. */
  readonly writers: readonly { path: string; router: Router }[];
  /** Answers OTLP that came to this port by mistake. */
  readonly wrongDoor: Router;
  /** Everything beside the APIs. */
  readonly page: Router;
  /** What somebody who asks an API for what is not there should know. */
  readonly hint: string;
}

/** The express application of port 4319: page, APIs and own health. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable("x-powered-by");
  app.use(sameOriginOnly(deps.hosts));
  app.use(healthRoutes(deps));
  app.use(deps.wrongDoor);
  const mayRead = requirePermission(deps.authenticator, "read");
  for (const { path, router } of deps.writers) {
    app.use(path, requirePermission(deps.authenticator, "write"), router);
  }
  for (const router of deps.tocsin) app.use("/api/v1", requireByMethod(deps.authenticator), router);
  // Prometheus's POST forms are long queries, not changes.
  if (deps.prometheus) app.use("/prometheus", mayRead, deps.prometheus);
  if (deps.alertmanager) app.use("/alertmanager", requireByMethod(deps.authenticator), deps.alertmanager);
  if (deps.jaeger) app.use("/jaeger", mayRead, deps.jaeger);
  app.use(["/api", "/prometheus", "/alertmanager", "/jaeger"], (request, response) => {
    response.status(404).json({
      error: `There is nothing at ${request.method} ${request.originalUrl}. ${deps.hint}`,
    });
  });
  app.use(deps.page);
  app.use(errorHandler(deps.logger));
  return app;
}

function errorHandler(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const status = statusOf(error);
    if (status >= 500) logger.error({ err: error, path: request.path }, "request failed");
    response.status(status).json({ error: messageOf(error) });
  };
}

/** body-parser and express put an HTTP status on the errors that are the sender's. */
function statusOf(error: unknown): number {
  const status = (error as { status?: unknown }).status;
  return typeof status === "number" && status >= 400 && status < 600 ? status : 500;
}
