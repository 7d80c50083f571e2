import { messageOf } from "@tocsin/model";
import { ActionError } from "./errors.js";

/** Attempts at one deed, the first included. */
export const MAX_ATTEMPTS = 4;

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;

/** What follows from a failed attempt. */
export type AfterFailure =
  | { readonly next: "retry"; readonly delayMs: number; readonly mustReplan: boolean }
  | { readonly next: "give-up"; readonly outcome: "failed" | "unknown"; readonly message: string }
  /** Shutdown: the journal keeps the run as started, and the next process takes it up from there. */
  | { readonly next: "leave" };

/**
 * Decides what to do about a failed attempt. Pure.
 *
 * What may have been done already is repeated only where the target promises to do it once per key. An outcome that
 * is not known stays so once any attempt was of that kind, even if a later one surely did nothing.
 *
 * @param random 0–1, for full jitter
 */
export function afterFailure(
  thrown: unknown,
  state: { attempt: number; isRepeatable: boolean; wasEffectUnknown: boolean; random: number },
): AfterFailure {
  const error =
    thrown instanceof ActionError
      ? thrown
      : new ActionError("ACTION_TARGET_FAILED", messageOf(thrown), { cause: thrown, effect: "unknown" });
  if (error.code === "ACTION_ABORTED") return { next: "leave" };
  const isHarmless = error.effect === "none" || state.isRepeatable;
  if (error.retryable && isHarmless && state.attempt < MAX_ATTEMPTS) {
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (state.attempt - 1)) * state.random;
    return {
      next: "retry",
      delayMs: Math.max(error.retryAfterMs ?? 0, backoffMs),
      mustReplan: error.code === "ACTION_TARGET_CHANGED",
    };
  }
  const isUnknown = error.effect === "unknown" || state.wasEffectUnknown;
  return { next: "give-up", outcome: isUnknown ? "unknown" : "failed", message: error.message };
}
