import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { listenQuietly, othersListening } from "./quiet-listener.js";

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
  const onSignal = (name: EndingSignal, number: unknown): void => {
    // A service may answer SIGHUP by reading its configuration anew, and live on.
    if (name !== "SIGHUP") (globalThis as { [TERMINATING]?: boolean })[TERMINATING] = true;
    // Whoever else listens decides when the process ends; `exit` flushes then. An event that somebody has emitted by hand,
    // which has no number, ends nothing.
    if (othersListening(name) > 0 || typeof number !== "number") return;
    onExit();
    for (const undo of undoSignals) undo();
    // Nobody listens now, so the signal ends the process as it would have without the agent.
    process.kill(process.pid, name);
  };
  const undoSignals = SIGNALS.filter((signal) => !isIgnored(signal)).map((signal) =>
    // First, so that a listener that is called once still counts as one.
    listenQuietly(signal, (_name, number) => onSignal(signal, number), { place: "first", isAlone: true }),
  );
  // Last, so that what the service's own listeners still log goes along.
  const undoExit = listenQuietly("exit", onExit, { place: "last", isAlone: true });
  return () => {
    undoExit();
    for (const undo of undoSignals) undo();
  };
}

/** Whether a signal has asked this process to end, as far as a running agent has heard. */
export function isTerminating(): boolean {
  return (globalThis as { [TERMINATING]?: boolean })[TERMINATING] === true;
}

type EndingSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

const TERMINATING = Symbol.for("tocsin.terminating");
/** Windows knows no SIGHUP that could be sent. */
const SIGNALS: readonly EndingSignal[] =
  process.platform === "win32" ? ["SIGTERM", "SIGINT"] : ["SIGTERM", "SIGINT", "SIGHUP"];

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
