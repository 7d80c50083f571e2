import { format } from "node:util";
import type { AgentContextManager } from "../trace/context-manager.js";
import type { LogBatch } from "./log-batch.js";

/** What watching other loggers needs. */
export interface LoggerDeps {
  readonly contexts: AgentContextManager;
  readonly batch: LogBatch;
  readonly now: () => number;
}

/** Sends what is written to the console too, as it was formatted. Its output stays what it was. Returns what undoes it. */
export function watchConsole({ contexts, batch, now }: LoggerDeps): () => void {
  const originals = METHODS.map(([method, level]) => {
    const original = console[method];
    console[method] = (...args: unknown[]): void => {
      original.apply(console, args);
      try {
        const error = args.find((arg) => arg instanceof Error);
        const line = JSON.stringify({
          level,
          msg: format(...args),
          ...(error && { err: errorFields(error) }),
        });
        batch.add(line, now(), { messageKey: "msg", context: contexts.activeSpanContext() });
      } catch {
        // Writing to the console does not throw.
      }
    };
    return [method, original] as const;
  });
  return () => {
    for (const [method, original] of originals) console[method] = original;
  };
}

/** An error in the form that log lines have it in. */
export function errorFields({ name, message, stack }: Error): object {
  return { type: name, message, stack };
}

const METHODS = [
  ["debug", 20],
  ["log", 30],
  ["info", 30],
  ["warn", 40],
  ["error", 50],
] as const;
