import type { EventEmitter } from "node:events";

/** How a quiet listener keeps company with the service's own. */
export interface QuietOptions {
  /** Whether it is called before those of the service, or after them. */
  readonly place: "first" | "last";
  /**
   * Whether it listens also when nobody else does. Where the mere presence of a listener changes what Node does, as with
   * unhandled rejections, it must not.
   */
  readonly isAlone: boolean;
}

/**
 * Listens to an event of `process` without being seen.
 *
 * Code that counts listeners decides by it how the process ends: libraries such as `signal-exit` let a signal end the
 * process only when nobody else listens to it. So the agent's listeners are left out of what `process` tells of its
 * listeners. Returns what undoes it.
 */
export function listenQuietly(event: Event, listener: Listener, options: QuietOptions): () => void {
  const entry: Entry = { event, listener, ...options };
  if (entries.size === 0) hide();
  entries.add(entry);
  makeRoom(1);
  settle(entry);
  return () => {
    if (!entries.delete(entry)) return;
    emitter.off(event, listener);
    makeRoom(-1);
    if (entries.size === 0) reveal();
  };
}

/** How many listeners the service itself has for an event. */
export function othersListening(event: Event): number {
  return foreign(event).length;
}

/** As what all emitters are: `process` has a type of its own for each event. */
const emitter: EventEmitter = process;

type Event = "SIGTERM" | "SIGINT" | "SIGHUP" | "exit" | "unhandledRejection";
// biome-ignore lint/suspicious/noExplicitAny: events differ in what they hand over.
type Listener = (...args: any[]) => void;

interface Entry extends QuietOptions {
  readonly event: Event;
  readonly listener: Listener;
}

const entries = new Set<Entry>();

/** Adds, moves or removes the listener, as the others are by now. */
function settle({ event, listener, place, isAlone }: Entry): void {
  const all = plain.rawListeners.call(emitter, event);
  const isPresent = all.includes(listener);
  if (!isAlone && foreign(event).length === 0) {
    if (isPresent) move(() => emitter.off(event, listener));
    return;
  }
  if (isPresent && all.at(place === "first" ? 0 : -1) === listener) return;
  move(() => {
    if (isPresent) emitter.off(event, listener);
    if (place === "first") emitter.prependListener(event, listener);
    else emitter.on(event, listener);
  });
}

/** Whether listeners come and go by this file's own doing. */
let isMoving = false;

function move(step: () => void): void {
  isMoving = true;
  step();
  isMoving = false;
}

function foreign(event: string | symbol): unknown[] {
  return plain.rawListeners.call(emitter, event).filter((listener) => !isOwn(listener));
}

function isOwn(listener: unknown): boolean {
  for (const entry of entries) if (entry.listener === listener) return true;
  return false;
}

/** What `process` inherits; the methods put over them below leave the agent's listeners out. */
const plain = {
  rawListeners: emitter.rawListeners,
  listeners: emitter.listeners,
  listenerCount: emitter.listenerCount,
  eventNames: emitter.eventNames,
};

function hide(): void {
  emitter.on("newListener", onNewListener);
  emitter.on("removeListener", onRemoveListener);
  define("rawListeners", (event) => foreign(event));
  define("listeners", (event) => plain.listeners.call(emitter, event).filter((item) => !isOwn(item)));
  define("listenerCount", (event, listener) => {
    if (!Array.from(entries).some((entry) => entry.event === event))
      return plain.listenerCount.call(emitter, event, listener as Listener);
    const others = plain.listeners.call(emitter, event).filter((item) => !isOwn(item));
    return listener === undefined ? others.length : others.filter((item) => item === listener).length;
  });
  define("eventNames", () =>
    plain.eventNames.call(emitter).filter((name) => name in HOOKS || foreign(name).length > 0),
  );
}

function reveal(): void {
  emitter.off("newListener", onNewListener);
  emitter.off("removeListener", onRemoveListener);
  for (const name of Object.keys(plain)) Reflect.deleteProperty(emitter, name);
}

/** Node warns of listeners that become many, and counts the agent's. */
function makeRoom(count: number): void {
  const most = emitter.getMaxListeners();
  if (most > 0) emitter.setMaxListeners(most + count);
}

const HOOKS = { newListener: true, removeListener: true };

function define(name: keyof typeof plain, value: (event: string | symbol, listener?: unknown) => unknown) {
  Object.defineProperty(emitter, name, { value, configurable: true, writable: true, enumerable: false });
}

/** Told before a listener is added: one that keeps others company must be there with them, the rest can wait for its place. */
function onNewListener(event: string | symbol, added: unknown): void {
  if (isMoving || isOwn(added)) return;
  for (const entry of entries) {
    if (entry.event !== event) continue;
    if (!entry.isAlone && !plain.rawListeners.call(emitter, event).includes(entry.listener))
      emitter.on(event, entry.listener);
    settleSoon(entry);
  }
}

/**
 * Told after a listener was removed. Company is left at once: Node may ask for listeners again before anything else runs.
 *
 * Node stops watching a signal that it counts no listeners of, and starts when it hears of a new one: so it is told of the
 * one that is still there, at once too, since a signal may be sent on the next line. The list itself is left alone, for
 * somebody may be about to remove all that is in it.
 */
function onRemoveListener(event: string | symbol, removed: unknown): void {
  if (isMoving) return;
  for (const entry of entries) {
    if (entry.event !== event) continue;
    if (entry.listener === removed) settleSoon(entry);
    else if (!entry.isAlone) settle(entry);
    else if (foreign(event).length === 0) move(() => emitter.emit("newListener", event, entry.listener));
  }
}

function settleSoon(entry: Entry): void {
  queueMicrotask(() => {
    if (entries.has(entry)) settle(entry);
  });
}
