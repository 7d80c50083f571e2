import type { Labels, UnixMs } from "@tocsin/model";
import { STALE_MARKER } from "@tocsin/promql";
import { isOn } from "../alert.js";
import type { RuleSample } from "./sample-sink.js";
import type { RuleAlerts, TrackedAlert } from "./state.js";

/**
 * Prometheus's own record of a rule's alerts, `ALERTS` and `ALERTS_FOR_STATE`, with an end for every series that is
 * over: without it an alert would seem to go on for the lookback time. Pure.
 *
 * @param changed alerts that changed their state in this evaluation
 */
export function alertSeries(
  changed: readonly TrackedAlert[],
  alerts: RuleAlerts,
  nowMs: UnixMs,
): RuleSample[] {
  const samples: RuleSample[] = [];
  for (const { alert } of changed) {
    if (isOn(alert.state)) {
      samples.push({ labels: stateSeries(alert.labels, "pending"), tMs: nowMs, value: STALE_MARKER });
    } else if (alert.state !== "pending") {
      const last = alert.startsAtMs === undefined ? "pending" : "firing";
      samples.push({ labels: stateSeries(alert.labels, last), tMs: nowMs, value: STALE_MARKER });
      samples.push({ labels: forSeries(alert.labels), tMs: nowMs, value: STALE_MARKER });
    }
  }
  for (const { alert } of alerts.values()) {
    if (alert.state === "resolved") continue;
    const state = alert.state === "pending" ? "pending" : "firing";
    samples.push({ labels: stateSeries(alert.labels, state), tMs: nowMs, value: 1 });
    samples.push({
      labels: forSeries(alert.labels),
      tMs: nowMs,
      value: Math.floor(alert.activeAtMs / 1_000),
    });
  }
  return samples;
}

function stateSeries(labels: Labels, alertstate: string): Labels {
  return { ...labels, __name__: "ALERTS", alertstate };
}

function forSeries(labels: Labels): Labels {
  return { ...labels, __name__: "ALERTS_FOR_STATE" };
}
