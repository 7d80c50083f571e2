import {
  type Alerting,
  AlertsError,
  formatMatchers,
  formatRecurrence,
  type Matcher,
  matchesAll,
  parseMatchers,
  type Silence,
  silenceState,
} from "@tocsin/alerts";
import type { Clock, UnixMs } from "@tocsin/model";
import express, { type Response, Router } from "express";
import { z } from "zod";
import { iso } from "./actions-json.js";
import { MatcherJson } from "./alertmanager-json.js";

export interface SilencesDeps {
  readonly alerting: Alerting;
  readonly clock: Clock;
}

const Preview = z.object({
  matchers: z
    .array(z.union([z.string(), MatcherJson]))
    .min(1, "name at least one matcher")
    .describe('As text, `service="cart"`, or in the form of Alertmanager\'s API.'),
});

/**
 * What Alertmanager's API does not tell of silences; they are made, changed and ended there.
 *
 *     GET  silences           with what each mutes now; expired ones for five days (?state=)
 *     POST silences/preview   what matchers would mute, and silences that are much the same; changes nothing
 */
export function silencesRoutes({ alerting, clock }: SilencesDeps): Router {
  const router = Router();
  router.get("/silences", (request, response) => {
    const nowMs = clock.now();
    const { state } = request.query;
    const firing = alerting.routedAlerts();
    response.json(
      alerting.silences
        .all(nowMs)
        .filter((silence) => state === undefined || silenceState(silence, nowMs) === state)
        .map((silence) => ({
          ...silenceJson(silence, nowMs),
          mutes: firing.filter(
            ({ silencedBy, alert }) =>
              silencedBy.includes(silence.id) && matchesAll(silence.matchers, alert.labels),
          ).length,
        })),
    );
  });
  router.post("/silences/preview", express.json({ limit: "64kb" }), (request, response) =>
    answer(response, () => {
      const parsed = Preview.safeParse(request.body);
      if (!parsed.success) throw new AlertsError("ALERTS_SILENCE_INVALID", z.prettifyError(parsed.error));
      const matchers = parsed.data.matchers.flatMap((each): Matcher[] =>
        typeof each === "string" ? parseMatchers(each) : [each],
      );
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

export type SilenceListJson = ReturnType<typeof silenceJson> & { readonly mutes: number };
export type SilencePreviewJson = {
  readonly firing: readonly { readonly labels: Readonly<Record<string, string>> }[];
  readonly firingInAll: number;
  readonly knownCount: number;
  readonly similar: readonly (ReturnType<typeof silenceJson> & { readonly relation: string })[];
};

function answer(response: Response, work: () => unknown): void {
  try {
    response.json(work());
  } catch (error) {
    if (!(error instanceof AlertsError)) throw error;
    response.status(400).json({ error: error.message, code: error.code });
  }
}
