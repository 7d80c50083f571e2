import type { UnixMs } from "@tocsin/model";
import type { NotifierMemory } from "../notify/notifier.js";

/** What was last told to one notifier about one group. */
export interface LogEntry {
  readonly atMs: UnixMs;
  /** Fingerprints that were told as firing, and as resolved. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  readonly memory?: NotifierMemory | undefined;
}

export interface Telling {
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
}

export type TellReason = "first" | "new-firing" | "all-resolved" | "new-resolved" | "repeat";

/**
 * Whether a group has something to say that was not said, by Alertmanager's rules. Pure.
 *
 * @param areRepeatsStopped somebody acknowledged every firing alert of the group
 * @returns why, or undefined for silence
 */
export function reasonToTell(
  last: LogEntry | undefined,
  now: Telling,
  options: { sendResolved: boolean; repeatIntervalMs: number; nowMs: UnixMs; areRepeatsStopped: boolean },
): TellReason | undefined {
  if (!last) return now.firing.length > 0 ? "first" : undefined;
  const toldFiring = new Set(last.firing);
  if (now.firing.some((fingerprint) => !toldFiring.has(fingerprint))) return "new-firing";
  // Whoever was told of a fire is told of its end; whoever was told of nothing has nothing to hear the end of.
  // Also where resolved alerts are not sent: the log must forget the firing ones, or a new fire is not news.
  if (now.firing.length === 0) return last.firing.length > 0 ? "all-resolved" : undefined;
  const toldResolved = new Set(last.resolved);
  if (options.sendResolved && now.resolved.some((fingerprint) => !toldResolved.has(fingerprint)))
    return "new-resolved";
  if (options.areRepeatsStopped) return undefined;
  // A clock that was set back must not stop repeats, so a time in the future counts as long ago.
  const sinceMs = options.nowMs - last.atMs;
  return sinceMs > options.repeatIntervalMs || sinceMs < -60_000 ? "repeat" : undefined;
}
