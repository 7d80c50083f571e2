import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Server } from "node:net";
import { guarded } from "../trace/guarded.js";

/**
 * Calls back when a server is told to listen, or fastify is made one of, with the files on the stack: the nearest first, those
 * of ES modules as URLs.
 *
 * Nobody sees ES modules as they are loaded, but whoever serves by them is on the stack then. Returns what undoes it.
 */
export function whenServing(callback: (files: readonly string[]) => void): () => void {
  const look = (): void => guarded(() => callback(filesOnStack()));
  const prototype = Server.prototype as { listen: (...args: unknown[]) => unknown };
  const original = prototype.listen;
  prototype.listen = function listen(this: unknown, ...args) {
    look();
    return Reflect.apply(original, this, args);
  };
  const wrapped = prototype.listen;
  // Fastify listens when it is ready, by when nobody is left on the stack.
  subscribe("fastify.initialization", look);
  return () => {
    unsubscribe("fastify.initialization", look);
    if (prototype.listen === wrapped) prototype.listen = original;
  };
}

/** Deep enough for a framework's own layers. */
const DEPTH = 20;

function filesOnStack(): readonly string[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: string[] } = {};
  try {
    Error.stackTraceLimit = DEPTH;
    Error.prepareStackTrace = (_error, sites) => sites.flatMap((site) => site.getFileName() ?? []);
    Error.captureStackTrace(holder, filesOnStack);
    return holder.stack ?? [];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    if (prepareStackTrace === undefined) Reflect.deleteProperty(Error, "prepareStackTrace");
    else Error.prepareStackTrace = prepareStackTrace;
  }
}
