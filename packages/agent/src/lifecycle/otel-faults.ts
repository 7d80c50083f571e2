import { type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";
import type { Voice } from "./say.js";

/**
 * Lets errors within OpenTelemetry's own parts (a span processor that fails, a second SDK that was refused) be said, each
 * once a minute; by default they go nowhere. A logger that the service has set before is left in place.
 */
export function tellOtelFaults(voice: Voice, now: () => number): void {
  const { diag: theirs } = (globalThis as { [API]?: { diag?: unknown } })[API] ?? {};
  if (theirs !== undefined) return;
  const saidMs = new Map<string, number>();
  const error = (...args: unknown[]): void => {
    const told = args.map(firstLine).join(" ");
    const text = told.includes("duplicate registration") ? TWICE : `OpenTelemetry says: ${told}`;
    // How exporters fare is said where they are watched.
    if (told.includes("export failed")) return;
    const lastMs = saidMs.get(text);
    const isDue = lastMs === undefined ? saidMs.size < TOPICS_MAX : now() - lastMs >= REPEAT_MS;
    if (!isDue) return;
    saidMs.set(text, now());
    voice.warn(text);
  };
  const logger: DiagLogger = { error, warn: () => {}, info: () => {}, debug: () => {}, verbose: () => {} };
  diag.setLogger(logger, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
}

const API = Symbol.for("opentelemetry.js.api.1");
const REPEAT_MS = 60_000;
const TOPICS_MAX = 100;
const TWICE =
  "OpenTelemetry is set up twice in this process, and what comes second is refused; hand span processors, a sampler or a propagator of your own to start() instead.";

/** Errors come as they are, as stacks, or as JSON. */
function firstLine(value: unknown): string {
  if (value instanceof Error) return value.message;
  const text = String(value);
  if (text.startsWith("{"))
    try {
      const { message } = JSON.parse(text) as { message?: unknown };
      if (typeof message === "string") return message;
    } catch {
      // It was no JSON after all.
    }
  return text.split("\n", 1)[0] ?? "";
}
