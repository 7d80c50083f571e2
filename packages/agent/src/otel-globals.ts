import { context, diag, metrics, propagation, trace } from "@opentelemetry/api";
import { logs } from "@opentelemetry/api-logs";

/**
 * Remembers what of OpenTelemetry's API is taken already. Returns what gives up all that is taken since, so that the next
 * agent of the process, or somebody else, can have it.
 */
export function rememberGlobals(): () => void {
  const before = new Set(taken());
  return () => {
    for (const name of taken()) if (!before.has(name)) APIS[name]?.disable();
  };
}

const APIS: Readonly<Record<string, { disable(): void }>> = {
  context,
  diag,
  logs,
  metrics,
  propagation,
  trace,
};

function taken(): string[] {
  const { [API]: api = {}, [LOGS]: ownLogs } = globalThis as { [API]?: object; [LOGS]?: unknown };
  return [...Object.keys(api), ...(ownLogs === undefined ? [] : ["logs"])];
}

const API = Symbol.for("opentelemetry.js.api.1");
const LOGS = Symbol.for("io.opentelemetry.js.api.logs");
