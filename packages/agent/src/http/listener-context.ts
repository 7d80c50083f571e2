import type { EventEmitter } from "node:events";
import { type Context, ROOT_CONTEXT } from "@opentelemetry/api";
import type { AgentContextManager } from "../trace/context-manager.js";
import { serverSpanOf } from "./server.js";

/**
 * Lets listeners of a served request and of its answer run in the context in which they were added.
 *
 * A body's `data` and `end`, and what tells that a client has left, are emitted by the connection, on which requests
 * follow each other, so that Node cannot know which of them it is about. The prototypes are changed instead of each
 * emitter: a request pays for the listeners that somebody adds to it, and for nothing else.
 */
export class ListenerContext {
  private readonly contexts: AgentContextManager;
  private readonly undo = new Map<object, () => void>();

  constructor(contexts: AgentContextManager) {
    this.contexts = contexts;
  }

  /** Changes a prototype, once. */
  bindOn(prototype: object): void {
    if (this.undo.has(prototype)) return;
    const steps = (["on", "addListener", "prependListener"] as const).map((name) =>
      this.wrap(prototype as Emitter, name),
    );
    this.undo.set(prototype, () => {
      for (const step of steps) step();
    });
  }

  close(): void {
    for (const step of this.undo.values()) step();
    this.undo.clear();
  }

  private wrap(prototype: Emitter, name: keyof Emitter): () => void {
    const { contexts } = this;
    const original = prototype[name];
    const isOwn = Object.hasOwn(prototype, name);
    const wrapped: Add = function add(event, listener) {
      // In this order: Node's own listeners come outside any context, and asking for the span takes longer.
      const context = contexts.active();
      const isBound =
        context !== ROOT_CONTEXT && typeof listener === "function" && serverSpanOf(this) !== undefined;
      return original.call(this, event, isBound ? inContext(contexts, context, event, listener) : listener);
    };
    prototype[name] = wrapped;
    return () => {
      if (prototype[name] !== wrapped) return;
      if (isOwn) prototype[name] = original;
      else Reflect.deleteProperty(prototype, name);
    };
  }
}

type Add = (this: EventEmitter, event: string | symbol, listener: Listener) => EventEmitter;
type Emitter = Record<"on" | "addListener" | "prependListener", Add>;
/** Node finds a listener that wraps another by this property, as those of `once` do. */
type Listener = ((this: EventEmitter, ...args: unknown[]) => unknown) & { listener?: Listener };

function inContext(
  contexts: AgentContextManager,
  context: Context,
  event: string | symbol,
  listener: Listener,
): Listener {
  const isOnce = listener.listener !== undefined;
  const bound: Listener = function (...args) {
    // The wrapper that `once` makes can no longer find itself.
    if (isOnce) this.removeListener(event, bound);
    if (contexts.active() === context) return Reflect.apply(listener, this, args);
    return contexts.run(context, () => Reflect.apply(listener, this, args));
  };
  bound.listener = listener.listener ?? listener;
  return bound;
}
