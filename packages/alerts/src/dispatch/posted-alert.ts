import type { Labels, UnixMs } from "@tocsin/model";
import { AlertsError } from "../errors.js";
import { fingerprint } from "../fingerprint.js";
import type { RoutedAlert } from "./alert-registry.js";

/** An alert that another program sent, such as Prometheus or amtool. */
export interface PostedAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs: UnixMs | undefined;
  readonly endsAtMs: UnixMs | undefined;
  readonly generatorUrl: string;
}

/**
 * Fills in what was left out, by Alertmanager's rules: without a start it starts now (or with the end, if that is
 * earlier); without an end it ends when it was not repeated for `resolveTimeoutMs`.
 *
 * @throws {AlertsError} ALERTS_ALERT_INVALID
 */
export function postedAlert(
  posted: PostedAlert,
  known: RoutedAlert | undefined,
  resolveTimeoutMs: number,
  nowMs: UnixMs,
): RoutedAlert {
  const labels = withoutEmpty(posted.labels);
  if (Object.keys(labels).length === 0)
    throw new AlertsError("ALERTS_ALERT_INVALID", "An alert needs at least one label with a value.");
  const isKnownOn = known && (known.endsAtMs === undefined || known.endsAtMs > nowMs);
  const startsAtMs =
    posted.startsAtMs ?? (isKnownOn ? known.startsAtMs : Math.min(nowMs, posted.endsAtMs ?? nowMs));
  const endsAtMs = posted.endsAtMs ?? nowMs + resolveTimeoutMs;
  if (endsAtMs < startsAtMs)
    throw new AlertsError("ALERTS_ALERT_INVALID", "An alert cannot end before it starts.");
  const key = fingerprint(labels);
  return {
    id: isKnownOn ? known.id : `${key}-${startsAtMs.toString(36)}`,
    fingerprint: key,
    labels,
    annotations: withoutEmpty(posted.annotations),
    startsAtMs,
    endsAtMs,
    updatedAtMs: nowMs,
    generatorUrl: posted.generatorUrl,
  };
}

function withoutEmpty(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
}
