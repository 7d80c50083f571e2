import express, { type ErrorRequestHandler, type Express, type Request } from "express";
import { type Platform, PlatformError, type ServiceState } from "./platform.js";

/** What the platform did, for whoever tells the story. */
export interface DeployEvent {
  /** `begun` when it was asked for, `done` when the old processes are gone. */
  readonly phase: "begun" | "done";
  readonly what: "deploy" | "rollback" | "scale";
  readonly service: string;
  readonly version: string;
  /** Processes that run now; 0 while it has only begun. */
  readonly replicas: number;
}

/**
 * The platform's HTTP API.
 *
 *     GET  /state
 *     POST /deploy    {service, version, replicas?}
 *     POST /rollback  {service}
 *     POST /scale     {service, replicas}
 *
 * A POST with an `Idempotency-Key` is done once: the same key gets the same answer again.
 */
export function deployerApp(platform: Platform, onEvent: (event: DeployEvent) => void): Express {
  const app = express();
  const answered = new Map<string, Promise<ServiceState>>();
  app.use(express.json({ limit: "16kb" }));

  app.get("/state", (_request, response) => {
    response.json({ services: platform.state() });
  });

  const post = (
    what: DeployEvent["what"],
    work: (body: Record<string, unknown>) => Promise<ServiceState>,
  ) => {
    app.post(`/${what}`, async (request, response) => {
      response.json(await once(request, what, work));
    });
  };
  post("deploy", ({ service, version, replicas }) =>
    platform.deploy(text(service, "service"), text(version, "version"), optionalNumber(replicas)),
  );
  post("rollback", ({ service }) => platform.rollback(text(service, "service")));
  post("scale", ({ service, replicas }) => platform.scale(text(service, "service"), Number(replicas)));

  function once(
    request: Request,
    what: DeployEvent["what"],
    work: (body: Record<string, unknown>) => Promise<ServiceState>,
  ): Promise<ServiceState> {
    const key = request.get("idempotency-key");
    const known = key === undefined ? undefined : answered.get(key);
    if (known) return known;
    const body = (request.body ?? {}) as Record<string, unknown>;
    const { service, version } = body;
    onEvent({ phase: "begun", what, service: String(service), version: String(version ?? ""), replicas: 0 });
    const result = work(body).then((state) => {
      onEvent({ phase: "done", what, service: state.name, version: state.version, replicas: state.replicas });
      return state;
    });
    if (key !== undefined) {
      answered.set(key, result);
      // What failed was not done, so that the key may be used again.
      result.catch(() => answered.delete(key));
    }
    return result;
  }

  const onError: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
    const status = (error as { status?: unknown }).status;
    const message = error instanceof Error ? error.message : String(error);
    response.status(typeof status === "number" ? status : 500).json({ error: message });
  };
  app.use(onError);
  return app;
}

function text(value: unknown, name: string): string {
  if (typeof value === "string" && /^[\w.-]{1,64}$/.test(value)) return value;
  throw new PlatformError(400, `"${name}" is missing: send it as a short word in a JSON body.`);
}

function optionalNumber(value: unknown): number | undefined {
  return value === undefined ? undefined : Number(value);
}
