import { listenQuietly } from "./quiet-listener.js";
import { beforeSignalEnds } from "./signals.js";

/** What is flushed at the end of the process. */
export interface Flushable {
  /** With everything stopped: nothing asynchronous happens any more. */
  flushSync(timeoutMs: number): void;
}

/** How long the end of a process may be held up in all. */
export const EXIT_BUDGET_MS = 800;

/**
 * Flushes when the process ends, in whichever way it ends, and changes none of them: the exit code, the signal and the
 * moment (but for at most {@link EXIT_BUDGET_MS}) stay what they would have been. Returns what undoes it.
 */
export function flushAtExit(target: Flushable): () => void {
  let beganMs: number | undefined;
  const flush = (): void => {
    try {
      beganMs ??= performance.now();
      target.flushSync(Math.max(0, EXIT_BUDGET_MS - (performance.now() - beganMs)));
    } catch {
      // Nothing of ours may turn a good end into a bad one.
    }
  };
  const undoSignals = beforeSignalEnds({ flush });
  // Last, so that what the service's own listeners still log goes along.
  const undoExit = listenQuietly("exit", flush, { place: "last", isAlone: true });
  return () => {
    undoExit();
    undoSignals();
  };
}
