import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { listenQuietly, othersListening } from "./quiet-listener.js";

/** What somebody wants done before a signal ends the process. */
export interface BeforeEnd {
  /** For `SIGTERM` alone: what is waited for, with the service at work. */
  readonly drain?: () => Promise<void>;
  /** The last thing before the end. */
  readonly flush?: () => void;
}

/**
 * Has something done before a signal ends the process, where the service itself does not listen to it; where it does, the
 * service decides when the process ends. Returns what undoes it.
 */
export function beforeSignalEnds(wish: BeforeEnd): () => void {
  if (wishes.size === 0) {
    const watched = SIGNALS.filter((signal) => !isIgnored(signal));
    undo = [...watched.map(watch), watchOwnKill(watched)];
  }
  wishes.add(wish);
  return () => {
    wishes.delete(wish);
    if (wishes.size === 0) unwatch();
  };
}

/** Whether a signal has asked this process to end, as far as somebody has wished to hear of it. */
export function isTerminating(): boolean {
  return (globalThis as { [TERMINATING]?: boolean })[TERMINATING] === true;
}

type EndingSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

const wishes = new Set<BeforeEnd>();
const TERMINATING = Symbol.for("tocsin.terminating");
/** Windows knows no SIGHUP that could be sent. */
const SIGNALS: readonly EndingSignal[] =
  process.platform === "win32" ? ["SIGTERM", "SIGINT"] : ["SIGTERM", "SIGINT", "SIGHUP"];
let undo: readonly (() => void)[] = [];
let isDraining = false;

function watch(signal: EndingSignal): () => void {
  // First, so that a listener that is called once still counts as one.
  return listenQuietly(signal, (_name, number) => onSignal(signal, number), {
    place: "first",
    isAlone: true,
  });
}

/**
 * Has a process that ends itself by a signal, as frameworks do once they have closed all that was open, end at that very call,
 * as Node would have it: with the agent's listener there, the signal would come a turn of the event loop later, in which there
 * may be nothing left to do, so that the process ends by that instead.
 */
function watchOwnKill(watched: readonly EndingSignal[]): () => void {
  const original = process.kill;
  let isWatching = true;
  const kill: typeof process.kill = (pid, signal = "SIGTERM") => {
    const ending = watched.find((name) => signal === name || signal === constants.signals[name]);
    const isEnd = ending !== undefined && othersListening(ending) === 0 && !isDrained(ending);
    if (!isWatching || pid !== process.pid || !isEnd) return original.call(process, pid, signal);
    end(ending);
    return true;
  };
  process.kill = kill;
  return () => {
    isWatching = false;
    if (process.kill === kill) process.kill = original;
  };
}

function unwatch(): void {
  for (const step of undo) step();
  undo = [];
}

function onSignal(signal: EndingSignal, number: unknown): void {
  // A service may answer SIGHUP by reading its configuration anew, and live on.
  if (signal !== "SIGHUP") (globalThis as { [TERMINATING]?: boolean })[TERMINATING] = true;
  // An event that somebody has emitted by hand, which has no number, ends nothing.
  if (othersListening(signal) > 0 || typeof number !== "number") return;
  if (!isDrained(signal)) {
    end(signal);
    return;
  }
  isDraining = true;
  void Promise.allSettled(drains().map((drain) => drain())).then(() => end(signal));
}

/** Whether there is something to wait for first. Who asks a second time will not wait. */
function isDrained(signal: EndingSignal): boolean {
  return signal === "SIGTERM" && !isDraining && drains().length > 0;
}

function drains(): readonly (() => Promise<void>)[] {
  return [...wishes].flatMap(({ drain }) => drain ?? []);
}

function end(signal: EndingSignal): void {
  for (const { flush } of wishes) flush?.();
  unwatch();
  // Nobody listens now, so the signal ends the process as it would have without the agent.
  process.kill(process.pid, signal);
}

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
