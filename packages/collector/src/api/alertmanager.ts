import {
  type Alerting,
  AlertsError,
  isResolved,
  type Matcher,
  matchesAll,
  parseMatchers,
  printAlertmanagerConfig,
  type RoutedAlertView,
} from "@tocsin/alerts";
import { type Clock, messageOf } from "@tocsin/model";
import express, { type NextFunction, type Request, type Response, Router } from "express";
import type { z } from "zod";
import { gettableAlert, gettableSilence, PostedAlerts, PostedSilence } from "./alertmanager-json.js";
import { BadRequest, jsonBody } from "./json-body.js";

export interface AlertmanagerDeps {
  readonly alerting: Alerting;
  readonly version: string;
  readonly clock: Clock;
}

/** Alertmanager's HTTP API v2, made for amtool, Grafana, karma and servers that send their alerts to us. */
export function alertmanagerRoutes(deps: AlertmanagerDeps): Router {
  const { alerting, clock } = deps;
  const router = Router();
  const api = Router();
  // What is sent as something else is answered by `checked`, in the words of Alertmanager.
  const json = express.json({ limit: "10mb" });
  const startedAtMs = clock.now();
  router.use("/api/v2", api);
  router.get(["/-/healthy", "/-/ready"], (_request, response) => void response.send("OK"));

  api.get("/status", (_request, response) => {
    response.json({
      cluster: { status: "disabled", peers: [] },
      config: { original: printAlertmanagerConfig(alerting.config) },
      uptime: new Date(startedAtMs).toISOString(),
      versionInfo: {
        version: deps.version,
        branch: "",
        buildDate: "",
        buildUser: "",
        goVersion: "",
        revision: "",
      },
    });
  });
  api.get("/receivers", (_request, response) => {
    response.json(alerting.config.receivers.map(({ name }) => ({ name })));
  });
  api.get("/alerts", (request, response) =>
    answer(response, () => {
      const isShown = alertFilter(request);
      return firing(alerting, clock)
        .filter(isShown)
        .map((view) => gettableAlert(view, alerting.config.global.resolve_timeout));
    }),
  );
  api.post("/alerts", json, (request, response) =>
    answer(response, () => {
      alerting.receive(checked(PostedAlerts, request));
      return undefined;
    }),
  );
  api.get("/alerts/groups", (request, response) =>
    answer(response, () => {
      const isShown = alertFilter(request);
      const views = new Map(firing(alerting, clock).map((view) => [view.alert.fingerprint, view]));
      return alerting
        .groups()
        .filter(({ mutedBy }) => mutedBy.length === 0 || isWanted(request.query.muted))
        .map(({ labels, receiver, alerts, mutedBy }) => ({
          labels,
          receiver: { name: receiver },
          alerts: alerts
            .map(({ fingerprint }) => views.get(fingerprint))
            .filter((view) => view !== undefined && isShown(view))
            .map((view) => view && gettableAlert(view, alerting.config.global.resolve_timeout, mutedBy)),
        }))
        .filter(({ alerts }) => alerts.length > 0);
    }),
  );
  api.get("/silences", (request, response) =>
    answer(response, () => {
      const filter = matchersOf(request);
      return alerting.silences
        .all(clock.now())
        .filter((silence) => filter.every((matcher) => silenceHas(silence.matchers, matcher)))
        .map((silence) => gettableSilence(silence, clock.now()));
    }),
  );
  api.post("/silences", json, (request, response) =>
    answer(response, async () => {
      const { startsAtMs, endsAtMs, ...rest } = checked(PostedSilence, request);
      const nowMs = clock.now();
      const draft = { ...rest, startsAtMs: startsAtMs ?? nowMs, endsAtMs: endsAtMs ?? nowMs };
      const silence = await alerting.silences.set(draft, nowMs);
      return { silenceID: silence.id };
    }),
  );
  api.get("/silence/:id", (request, response) =>
    answer(response, () => {
      checkId(request.params.id);
      const silence = alerting.silences.get(request.params.id);
      if (!silence)
        throw new AlertsError(
          "ALERTS_SILENCE_UNKNOWN",
          `There is no silence ${JSON.stringify(request.params.id)}.`,
        );
      return gettableSilence(silence, clock.now());
    }),
  );
  api.delete("/silence/:id", (request, response) =>
    answer(response, async () => {
      checkId(request.params.id);
      await alerting.silences.expire(request.params.id, clock.now());
      return undefined;
    }),
  );
  for (const [path, methods] of Object.entries(METHODS))
    api.all(path, (request, response) => {
      const message = `method ${request.method} is not allowed, but [${methods}] are`;
      response.status(405).set("allow", methods).json({ code: 405, message });
    });
  api.use((request, response) => {
    response.status(404).json({ code: 404, message: `path ${request.baseUrl}${request.path} was not found` });
  });
  api.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    const { status } = Object(error) as { status?: unknown };
    if (typeof status !== "number" || status >= 500) next(error);
    else response.status(status).json({ code: status, message: messageOf(error) });
  });
  return router;
}

const METHODS: Readonly<Record<string, string>> = {
  "/status": "GET",
  "/receivers": "GET",
  "/alerts": "GET,POST",
  "/alerts/groups": "GET",
  "/silences": "GET,POST",
  "/silence/:id": "GET,DELETE",
};

/** A request that is not of the form that the API's description asks for, with the codes of its generator. */
class Misformed extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function checked<Schema extends z.ZodType>(schema: Schema, request: Request): z.output<Schema> {
  const type = request.headers["content-type"] ?? "";
  if (request.headers["content-length"] === "0" || (type === "" && request.body === undefined))
    throw new Misformed(422, 602, "a body is required");
  if (!request.is("application/json"))
    throw new Misformed(415, 415, `unsupported media type "${type}", only [application/json] are allowed`);
  try {
    return jsonBody(schema, request);
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error;
    // What has another type is not read at all; what is missing is read, and refused.
    const isRead = /received undefined|must be of type uri|at least one matcher/.test(error.message);
    throw isRead ? new Misformed(422, 602, error.message) : new Misformed(400, 400, error.message);
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function checkId(id: string): void {
  if (!UUID.test(id))
    throw new Misformed(422, 601, `silenceID in path must be of type uuid: ${JSON.stringify(id)}`);
}

/** Alertmanager shows alerts until they are resolved. */
function firing(alerting: Alerting, clock: Clock): RoutedAlertView[] {
  return alerting
    .routedAlerts()
    .filter(({ alert }) => !isResolved(alert, clock.now()))
    .sort((a, b) => (a.alert.fingerprint < b.alert.fingerprint ? -1 : 1));
}

/** `active`, `silenced`, `inhibited` (true unless false), `filter` and `receiver` of the query. */
function alertFilter(request: Request): (view: RoutedAlertView) => boolean {
  const wants = (name: string): boolean => isWanted(request.query[name]);
  const filter = matchersOf(request);
  const pattern = textOf(request.query.receiver);
  const [receiver] = pattern === undefined ? [] : parseMatchers(`receiver=~${JSON.stringify(pattern)}`);
  return ({ alert, receivers, silencedBy, inhibitedBy }) => {
    const isSuppressed = silencedBy.length + inhibitedBy.length > 0;
    if (!isSuppressed && !wants("active")) return false;
    if (silencedBy.length > 0 && !wants("silenced")) return false;
    if (inhibitedBy.length > 0 && !wants("inhibited")) return false;
    if (receiver && !receivers.some((name) => receiver.matches({ receiver: name }))) return false;
    return matchesAll(filter, alert.labels);
  };
}

/** The words that Alertmanager's API takes for true; what is not said is. */
const TRUE = new Set(["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"]);

function isWanted(value: unknown): boolean {
  return value === undefined || value === "" || TRUE.has(String(value).toLowerCase());
}

function matchersOf(request: Request): Matcher[] {
  const { filter } = request.query;
  const texts = Array.isArray(filter) ? filter : filter === undefined ? [] : [filter];
  return texts.flatMap((text) => parseMatchers(String(text)));
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A silence is found by a matcher that it has, letter for letter, as in Alertmanager. */
function silenceHas(matchers: readonly Matcher[], wanted: Matcher): boolean {
  return matchers.some(
    ({ name, operator, value }) =>
      name === wanted.name && operator === wanted.operator && value === wanted.value,
  );
}

async function answer(response: Response, work: () => unknown): Promise<void> {
  try {
    const body: unknown = await work();
    if (body === undefined) response.status(200).end();
    else response.json(body);
  } catch (thrown) {
    if (thrown instanceof Misformed) {
      response.status(thrown.status).json({ code: thrown.code, message: thrown.message });
      return;
    }
    if (!(thrown instanceof AlertsError)) throw thrown;
    const isUnknown = thrown instanceof AlertsError && thrown.code.endsWith("_UNKNOWN");
    // Alertmanager's errors are JSON strings.
    response.status(isUnknown ? 404 : 400).json(messageOf(thrown));
  }
}
