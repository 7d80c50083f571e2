import { severityNamed, severityOf, severityWord } from "../logs/levels.js";
import type { LogBatch } from "../logs/log-batch.js";
import type { AgentContextManager } from "../trace/context-manager.js";
import type { ModuleHook, Patched } from "./module-hook.js";

/** What watching pino needs. `batch` is absent when log lines are not to be sent. */
export interface PinoDeps {
  readonly contexts: AgentContextManager;
  readonly batch: LogBatch | undefined;
  readonly now: () => number;
}

/**
 * Gives every line of every pino logger the ids of its trace, and sends it on.
 *
 * The line is taken as pino has formatted it, so that redaction, serializers and levels are all applied, and its bytes
 * are parsed again only in the worker thread. All loggers share one prototype, which one file of pino makes.
 */
export function watchPino(hook: ModuleHook, deps: PinoDeps, patched: Patched): void {
  hook.on("pino", (exports, loaded) => {
    if (loaded.file !== "lib/proto.js" || typeof exports !== "function") return;
    wrapPrototype(Object.getPrototypeOf(exports()), deps);
    patched("pino", loaded);
  });
}

type AsJson = (this: object, fields: unknown, message: unknown, level: number, time: string) => string;

const WRAPPED = Symbol("tocsin.wrapped");

function wrapPrototype(prototype: Record<symbol, unknown>, deps: PinoDeps): void {
  if (prototype[WRAPPED]) return;
  const symbols = Object.getOwnPropertySymbols(prototype);
  const asJson = symbols.find((symbol) => symbol.description === "pino.asJson");
  if (asJson === undefined) return;
  const original = prototype[asJson] as AsJson;
  prototype[WRAPPED] = true;
  let messageKey: symbol | undefined;
  prototype[asJson] = function (this: PinoLogger, fields, message, level, time) {
    const line = original.call(this, fields, message, level, time);
    messageKey ??= findSymbol(this, "pino.messageKey");
    const key = messageKey === undefined ? "msg" : this[messageKey];
    return observe(deps, line, typeof key === "string" ? key : "msg", severityOfLevel(this, level));
  } as AsJson;
}

interface PinoLogger {
  [key: symbol]: unknown;
  /** Names of the levels by their numbers, those of the service's own among them. */
  readonly levels?: { readonly labels?: Readonly<Record<number, string>> };
}

const severities = new Map<number, { readonly label: string | undefined; readonly word: string }>();

/** By the level's name, which a formatter may have left out of the line; worked out once for each level. */
function severityOfLevel({ levels }: PinoLogger, level: number): string {
  const label = levels?.labels?.[level];
  const known = severities.get(level);
  if (known !== undefined && known.label === label) return known.word;
  const word = severityWord(label === undefined ? severityOf(level) : severityNamed(label, level));
  severities.set(level, { label, word });
  return word;
}

function observe(
  { contexts, batch, now }: PinoDeps,
  line: string,
  messageKey: string,
  severity: string,
): string {
  const context = contexts.activeSpanContext();
  batch?.add(line, now(), { messageKey, severity, context });
  if (context === undefined) return line;
  const end = line.lastIndexOf("}");
  // A mixin of the service may have put them there.
  if (end <= 0 || line.includes('"trace_id":')) return line;
  const comma = line[end - 1] === "{" ? "" : ",";
  const flags = context.traceFlags & 1 ? "01" : "00";
  return `${line.slice(0, end)}${comma}"trace_id":"${context.traceId}","span_id":"${context.spanId}","trace_flags":"${flags}"${line.slice(end)}`;
}

/** pino keeps its settings under symbols, on the logger or further up its chain of children. */
function findSymbol(logger: object, description: string): symbol | undefined {
  for (let at: object | null = logger; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find((symbol) => symbol.description === description);
    if (found !== undefined) return found;
  }
  return undefined;
}
