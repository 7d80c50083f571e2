import {
  type Alerting,
  AlertsError,
  formatMatchers,
  formatRecurrence,
  isSilenceEnding,
  type Matcher,
  matchesAll,
  parseMatchers,
  parseRecurrence,
  type Silence,
  silenceState,
} from "@tocsin/alerts";
import { type Clock, parseDuration, type UnixMs } from "@tocsin/model";
import express, { type Request, type Response, Router } from "express";
import { z } from "zod";
import { iso } from "./actions-json.js";
import { MatcherJson } from "./alertmanager-json.js";
import { BadRequest, jsonBody } from "./json-body.js";

export interface SilencesDeps {
  readonly alerting: Alerting;
  readonly clock: Clock;
}

const Matchers = z
  .array(z.union([z.string(), MatcherJson]))
  .min(1, "name at least one matcher")
  .describe('As text, `service="cart"`, or in the form of Alertmanager\'s API.');

const Preview = z.object({ matchers: Matchers });

const text = (max: number) => z.string().trim().max(max);

const END = {
  for: text(40).optional().describe("From now, such as 2h. This, or endsAt."),
  endsAt: z.iso.datetime({ offset: true }).optional(),
};

/** What `POST silences` takes. */
const NewSilence = z.strictObject({
  matchers: Matchers,
  ...END,
  startsAt: z.iso.datetime({ offset: true }).optional().describe("Default: now."),
  every: text(200).optional().describe('It mutes only then, such as "sunday 02:00-04:00".'),
  zone: text(80).default("UTC").describe("IANA name of the time zone of every."),
  by: text(200).optional().describe("Who; the name of the token goes first."),
  comment: text(2_000).describe("Why."),
});

/** What `POST silences/{id}/extend` takes. */
const Extension = z.strictObject({ ...END, comment: text(2_000).optional() });

/**
 * Silences as people think of them. Alertmanager's API makes, changes and ends the same ones.
 *
 *     GET  silences              with what each mutes now; expired ones for five days (?state=)
 *     POST silences              {matchers, for | endsAt, startsAt, every, zone, by, comment}
 *     POST silences/preview      what matchers would mute, and silences that are much the same; changes nothing
 *     POST silences/{id}/extend  {for | endsAt, comment}: another end under the same id
 *     POST silences/{id}/end     now
 */
export function silencesRoutes({ alerting, clock }: SilencesDeps): Router {
  const router = Router();
  const json = express.json({ limit: "64kb" });
  const listed = (silence: Silence, nowMs: UnixMs, routed = alerting.routedAlerts()): SilenceListJson => {
    const mutes = routed.filter(
      ({ silencedBy, alert }) =>
        silencedBy.includes(silence.id) && matchesAll(silence.matchers, alert.labels),
    ).length;
    const endsSoon = mutes > 0 && isSilenceEnding(silence, alerting.config.warn_before_silence_ends, nowMs);
    return { ...silenceJson(silence, nowMs), mutes, endsSoon };
  };
  router.get("/silences", (request, response) => {
    const nowMs = clock.now();
    const { state } = request.query;
    const routed = alerting.routedAlerts();
    response.json(
      alerting.silences
        .all(nowMs)
        .filter((silence) => state === undefined || silenceState(silence, nowMs) === state)
        .map((silence) => listed(silence, nowMs, routed)),
    );
  });
  router.post("/silences", json, (request, response) =>
    answer(response, async () => {
      const body = jsonBody(NewSilence, request);
      const nowMs = clock.now();
      const createdBy = personOf(request, body.by);
      // Alertmanager's API takes a silence of nobody for no reason; people are asked for more.
      if (createdBy === "")
        throw new AlertsError("ALERTS_SILENCE_INVALID", "A silence needs the name of who created it.");
      if (body.comment === "")
        throw new AlertsError("ALERTS_SILENCE_INVALID", "A silence needs a comment that says why.");
      const silence = await alerting.silences.set(
        {
          matchers: matchersOf(body.matchers),
          startsAtMs: body.startsAt === undefined ? nowMs : Date.parse(body.startsAt),
          endsAtMs: endOf(body, nowMs),
          createdBy,
          comment: body.comment,
          within: body.every ? parseRecurrence(body.every, body.zone) : undefined,
        },
        nowMs,
      );
      return listed(silence, nowMs);
    }),
  );
  router.post("/silences/preview", json, (request, response) =>
    answer(response, async () => {
      const matchers = matchersOf(jsonBody(Preview, request).matchers);
      const preview = alerting.previewSilence(matchers);
      const nowMs = clock.now();
      return {
        matchers: formatMatchers(matchers),
        firing: preview.firing.map(({ id, labels, annotations }) => ({ id, labels, annotations })),
        firingInAll: preview.firingInAll,
        knownCount: preview.knownCount,
        similar: preview.similar.map(({ silence, relation }) => ({
          relation,
          ...silenceJson(silence, nowMs),
        })),
      };
    }),
  );
  router.post("/silences/:id/extend", json, (request, response) =>
    answer(response, async () => {
      const body = jsonBody(Extension, request);
      const nowMs = clock.now();
      const known = alerting.silences.get(request.params.id);
      if (!known) throw unknown(request.params.id);
      if (silenceState(known, nowMs) === "expired")
        throw new AlertsError("ALERTS_SILENCE_INVALID", "This silence has ended. Make it anew.");
      const comment = body.comment ?? known.comment;
      const silence = await alerting.silences.set({ ...known, endsAtMs: endOf(body, nowMs), comment }, nowMs);
      return listed(silence, nowMs);
    }),
  );
  router.post("/silences/:id/end", json, (request, response) =>
    answer(response, async () => {
      const nowMs = clock.now();
      await alerting.silences.expire(request.params.id, nowMs);
      const ended = alerting.silences.get(request.params.id);
      if (!ended) throw unknown(request.params.id);
      return listed(ended, nowMs);
    }),
  );
  return router;
}

function silenceJson(silence: Silence, nowMs: UnixMs) {
  return {
    id: silence.id,
    state: silenceState(silence, nowMs),
    matchers: formatMatchers(silence.matchers),
    startsAt: iso(silence.startsAtMs),
    endsAt: iso(silence.endsAtMs),
    endsInSeconds: Math.max(0, Math.round((silence.endsAtMs - nowMs) / 1_000)),
    recurs: silence.within ? formatRecurrence(silence.within) : null,
    createdBy: silence.createdBy,
    comment: silence.comment,
  };
}

export type SilenceListJson = ReturnType<typeof silenceJson> & {
  /** Alerts that fire now and that it mutes. */
  readonly mutes: number;
  /** It is about to end while what it mutes still fires. */
  readonly endsSoon: boolean;
};
export type SilencePreviewJson = {
  readonly firing: readonly { readonly labels: Readonly<Record<string, string>> }[];
  readonly firingInAll: number;
  readonly knownCount: number;
  readonly similar: readonly (ReturnType<typeof silenceJson> & { readonly relation: string })[];
};

function matchersOf(written: z.output<typeof Matchers>): Matcher[] {
  return written.flatMap((each) => (typeof each === "string" ? parseMatchers(each) : [each]));
}

function endOf(
  body: { readonly for?: string | undefined; readonly endsAt?: string | undefined },
  nowMs: UnixMs,
) {
  const invalid = (message: string) => new AlertsError("ALERTS_SILENCE_INVALID", message);
  if ((body.for === undefined) === (body.endsAt === undefined))
    throw invalid('A silence needs an end: {"for": "2h"}, or {"endsAt": "2026-12-24T18:00:00Z"}.');
  if (body.endsAt !== undefined) return Date.parse(body.endsAt);
  try {
    return nowMs + parseDuration(body.for ?? "");
  } catch {
    throw invalid(`"${body.for}" is not a length of time. Write for instance 30m, 2h or 1d.`);
  }
}

/** Whoever the token names; without tokens, whoever the body names. */
function personOf(request: Request, by: string | undefined): string {
  const name = request.identity?.name;
  return name !== undefined && name !== "anonymous" ? name : (by ?? "");
}

function unknown(id: string): AlertsError {
  return new AlertsError("ALERTS_SILENCE_UNKNOWN", `There is no silence ${JSON.stringify(id)}.`);
}

async function answer(response: Response, work: () => Promise<unknown>): Promise<void> {
  try {
    response.json(await work());
  } catch (error) {
    if (error instanceof BadRequest) {
      response.status(400).json({ error: error.message, code: "REQUEST_INVALID" });
      return;
    }
    if (!(error instanceof AlertsError)) throw error;
    response
      .status(error.code.endsWith("_UNKNOWN") ? 404 : 400)
      .json({ error: error.message, code: error.code });
  }
}
