import { errorFields, type LoggerDeps } from "../logs/console-logs.js";
import { severityNamed, severityWord } from "../logs/levels.js";
import type { ModuleHook, Patched } from "./module-hook.js";

/** Gives winston's entries the ids of their trace and sends on what its levels let through. */
export function watchWinston(hook: ModuleHook, deps: LoggerDeps, patched: Patched): void {
  hook.on("winston", (exports, loaded) => {
    if (loaded.file !== "lib/winston/logger.js" || typeof exports !== "function") return;
    const prototype = exports.prototype as {
      _transform?: Transform;
      push?: (this: WinstonLogger, entry: unknown) => boolean;
    };
    const transform = prototype._transform;
    const { push } = prototype;
    if (typeof transform !== "function" || typeof push !== "function") return;
    prototype._transform = function (entry, encoding, done) {
      const context = deps.contexts.activeSpanContext();
      if (context !== undefined && typeof entry === "object" && entry !== null && Object.isExtensible(entry))
        Object.assign(entry, {
          trace_id: context.traceId,
          span_id: context.spanId,
          trace_flags: context.traceFlags & 1 ? "01" : "00",
        });
      return transform.call(this, entry, encoding, done);
    };
    prototype.push = function (entry) {
      try {
        if (typeof entry === "object" && entry !== null) observe(deps, this, entry);
      } catch {
        // The entry is logged as it would be without the agent.
      }
      return push.call(this, entry);
    };
    patched("winston", loaded);
  });
}

type Transform = (this: unknown, entry: unknown, encoding: unknown, done: unknown) => void;

interface WinstonLogger {
  /** Whether any transport takes this level; entries below reach the transports too, which leave them out. */
  isLevelEnabled?(level: string): boolean;
}

/** What winston passes from its formats to its transports. */
interface Entry {
  readonly level?: unknown;
  readonly message?: unknown;
  readonly stack?: unknown;
  readonly [LEVEL]?: unknown;
  readonly [MESSAGE]?: unknown;
}

/** Where winston keeps the level that formats like `colorize` have changed, and the line as it is written. */
const LEVEL = Symbol.for("level");
const MESSAGE = Symbol.for("message");

function observe({ contexts, batch, now }: LoggerDeps, logger: WinstonLogger, entry: Entry): void {
  const level = String(entry[LEVEL] ?? entry.level);
  if (logger.isLevelEnabled?.(level) === false) return;
  batch.add(textOf(entry), now(), {
    messageKey: "message",
    severity: severityWord(severityNamed(level)),
    context: contexts.activeSpanContext(),
  });
}

/** The entry as JSON; what JSON cannot say, as winston's own format has written it. */
function textOf(entry: Entry): string {
  try {
    return JSON.stringify(withError(entry), plain);
  } catch {
    return String(entry[MESSAGE] ?? entry.message);
  }
}

/** An error that was logged itself, or with whose stack a format has filled the entry, as a field of its own. */
function withError(entry: Entry): object {
  const { message, stack, ...rest } = entry;
  const error = [entry, message].find((one) => one instanceof Error);
  if (error !== undefined) return { ...rest, message: error.message, err: errorFields(error) };
  if (typeof stack !== "string") return entry;
  const type = /^\w+(?=:)/.exec(stack)?.[0];
  return { ...rest, message, err: { type, message, stack } };
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  return { ...value, ...errorFields(value) };
}
