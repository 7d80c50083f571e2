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
import { type Clock, type Labels, messageOf } from "@tocsin/model";
import express, { type Request, type Response, Router } from "express";
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
      const isWanted = alertFilter(request);
      return firing(alerting, clock)
        .filter(isWanted)
        .map((view) => gettableAlert(view, alerting.config.global.resolve_timeout));
    }),
  );
  api.post("/alerts", json, (request, response) =>
    answer(response, () => {
      alerting.receive(jsonBody(PostedAlerts, request));
      return undefined;
    }),
  );
  api.get("/alerts/groups", (request, response) =>
    answer(response, () => {
      const isWanted = alertFilter(request);
      const views = new Map(firing(alerting, clock).map((view) => [view.alert.fingerprint, view]));
      return alerting
        .groups()
        .map(({ labels, receiver, alerts }) => ({
          labels,
          receiver: { name: receiver },
          alerts: alerts
            .map(({ fingerprint }) => views.get(fingerprint))
            .filter((view) => view !== undefined && isWanted(view))
            .map((view) => view && gettableAlert(view, alerting.config.global.resolve_timeout)),
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
      const { startsAtMs, endsAtMs, ...rest } = jsonBody(PostedSilence, request);
      const nowMs = clock.now();
      const draft = { ...rest, startsAtMs: startsAtMs ?? nowMs, endsAtMs: endsAtMs ?? nowMs };
      const silence = await alerting.silences.set(draft, nowMs);
      return { silenceID: silence.id };
    }),
  );
  api.get("/silence/:id", (request, response) =>
    answer(response, () => {
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
      await alerting.silences.expire(request.params.id, clock.now());
      return undefined;
    }),
  );
  return router;
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
  const wants = (name: string): boolean => request.query[name] !== "false";
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

function matchersOf(request: Request): Matcher[] {
  const { filter } = request.query;
  const texts = Array.isArray(filter) ? filter : filter === undefined ? [] : [filter];
  return texts.flatMap((text) => parseMatchers(String(text)));
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A silence is found by its matchers as if their values were labels, as in Alertmanager. */
function silenceHas(matchers: readonly Matcher[], wanted: Matcher): boolean {
  const values: Labels = Object.fromEntries(matchers.map(({ name, value }) => [name, value]));
  return wanted.matches(values);
}

async function answer(response: Response, work: () => unknown): Promise<void> {
  try {
    const body: unknown = await work();
    if (body === undefined) response.status(200).end();
    else response.json(body);
  } catch (thrown) {
    if (!(thrown instanceof BadRequest) && !(thrown instanceof AlertsError)) throw thrown;
    const isUnknown = thrown instanceof AlertsError && thrown.code.endsWith("_UNKNOWN");
    // Alertmanager's errors are JSON strings.
    response.status(isUnknown ? 404 : 400).json(messageOf(thrown));
  }
}
