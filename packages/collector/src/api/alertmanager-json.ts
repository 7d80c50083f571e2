import {
  createMatcher,
  type Matcher,
  type RoutedAlert,
  type RoutedAlertView,
  type Silence,
  silenceState,
  type WrittenInterval,
} from "@tocsin/alerts";
import type { UnixMs } from "@tocsin/model";
import { z } from "zod";

const labels = z.record(z.string(), z.string());
/** RFC 3339 with any zone; Go's zero time counts as absent. */
const instant = z
  .string()
  .transform((text, context) => {
    if (text.startsWith("0001-01-01T00:00:00")) return undefined;
    const atMs = Date.parse(text);
    if (!Number.isNaN(atMs)) return atMs;
    context.addIssue({ code: "custom", message: `"${text}" is not a time. Write RFC 3339.` });
    return z.NEVER;
  })
  .nullish()
  .transform((atMs) => atMs ?? undefined);

/** What other programs POST to `alerts`. Unknown fields are ignored, as Alertmanager does. */
export const PostedAlerts = z.array(
  z
    .object({
      labels,
      annotations: labels.nullish(),
      startsAt: instant,
      endsAt: instant,
      generatorURL: z
        .string()
        .refine((url) => url === "" || url.startsWith("/") || URL.canParse(url), "must be of type uri")
        .nullish(),
    })
    .transform((alert) => ({
      labels: alert.labels,
      annotations: alert.annotations ?? {},
      startsAtMs: alert.startsAt,
      endsAtMs: alert.endsAt,
      generatorUrl: alert.generatorURL ?? "",
    })),
);

export const MatcherJson = z
  .object({
    name: z.string().min(1),
    value: z.string(),
    isRegex: z.boolean().default(false),
    isEqual: z.boolean().default(true),
  })
  .transform(({ name, value, isRegex, isEqual }, context): Matcher => {
    try {
      return createMatcher(name, isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=", value);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });

/** Tocsin's own: the stretches of time in which a silence mutes, written as Alertmanager's time intervals. */
export const Within = z
  .array(z.record(z.string(), z.unknown()))
  .nullish()
  .transform((within) => (within?.length ? (within as readonly WrittenInterval[]) : undefined));

/** What is POSTed to `silences`. */
export const PostedSilence = z
  .object({
    id: z.string().optional(),
    matchers: z.array(MatcherJson).min(1, "a silence needs at least one matcher"),
    startsAt: instant,
    endsAt: instant,
    createdBy: z.string(),
    comment: z.string(),
    within: Within,
  })
  .transform((silence) => ({
    id: silence.id === "" ? undefined : silence.id,
    matchers: silence.matchers,
    startsAtMs: silence.startsAt,
    endsAtMs: silence.endsAt,
    createdBy: silence.createdBy,
    comment: silence.comment,
    within: silence.within,
  }));

/**
 * An alert as Alertmanager's API v2 gives it.
 *
 * @param mutedBy time intervals that mute the group in which it is shown
 */
export function gettableAlert(
  view: RoutedAlertView,
  resolveTimeoutMs: number,
  mutedBy: readonly string[] = [],
) {
  const { alert, silencedBy, inhibitedBy } = view;
  return {
    annotations: alert.annotations,
    endsAt: instantText(endOf(alert, resolveTimeoutMs)),
    fingerprint: alert.fingerprint,
    receivers: view.receivers.map((name) => ({ name })),
    startsAt: instantText(alert.startsAtMs),
    status: {
      inhibitedBy,
      silencedBy,
      mutedBy,
      state: silencedBy.length + inhibitedBy.length + mutedBy.length > 0 ? "suppressed" : "active",
    },
    updatedAt: instantText(alert.updatedAtMs),
    ...(alert.generatorUrl === "" ? {} : { generatorURL: alert.generatorUrl }),
    labels: alert.labels,
  };
}

/** Alertmanager's alerts always have an end; one of our own that fires has none, so it is said to end later. */
function endOf(alert: RoutedAlert, resolveTimeoutMs: number): UnixMs {
  return alert.endsAtMs ?? alert.updatedAtMs + resolveTimeoutMs;
}

export function gettableSilence(silence: Silence, nowMs: UnixMs) {
  return {
    id: silence.id,
    status: { state: silenceState(silence, nowMs) },
    updatedAt: instantText(silence.updatedAtMs),
    comment: silence.comment,
    createdBy: silence.createdBy,
    endsAt: instantText(silence.endsAtMs),
    startsAt: instantText(silence.startsAtMs),
    matchers: silence.matchers.map(({ name, operator, value }) => ({
      name,
      value,
      isRegex: operator.endsWith("~"),
      isEqual: operator.startsWith("="),
    })),
    ...(silence.within ? { within: silence.within } : {}),
  };
}

function instantText(atMs: UnixMs): string {
  return new Date(atMs).toISOString();
}
