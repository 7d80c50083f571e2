import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** What is flushed at the end of the process, in the two ways there are. */
export interface Flushable {
  /** While the event loop still turns. */
  flush(timeoutMs: number): Promise<void>;
  /** From within an `exit` handler, with everything stopped. */
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
  const leftMs = (): number => {
    beganMs ??= performance.now();
    return Math.max(0, EXIT_BUDGET_MS - (performance.now() - beganMs));
  };
  const onExit = (): void => {
    try {
      target.flushSync(leftMs());
    } catch {
      // Nothing of ours may turn a good end into a bad one.
    }
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    (globalThis as { [TERMINATING]?: boolean })[TERMINATING] = true;
    // Whoever else listens decides when the process ends; `exit` flushes then.
    if (process.listenerCount(signal) > 1) return;
    onExit();
    undoSignals();
    // Nobody listens now, so the signal ends the process as it would have without the agent.
    process.kill(process.pid, signal);
  };
  const undoSignals = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  process.on("exit", onExit);
  for (const signal of SIGNALS) if (!isIgnored(signal)) process.on(signal, onSignal);
  return () => {
    process.off("exit", onExit);
    undoSignals();
  };
}

/** Whether a signal has asked this process to end, as far as a running agent has heard. */
export function isTerminating(): boolean {
  return (globalThis as { [TERMINATING]?: boolean })[TERMINATING] === true;
}

const TERMINATING = Symbol.for("tocsin.terminating");
const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Whether the process was started with this signal ignored, as shells do for background jobs. A handler would undo that,
 * so there must be none.
 */
function isIgnored(signal: NodeJS.Signals): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readStatus())?.[1];
  if (mask === undefined) return false;
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

function readStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}
