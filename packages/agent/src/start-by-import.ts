import { existsSync } from "node:fs";
import * as threads from "node:worker_threads";
import { isLauncher } from "./lifecycle/program.js";
import { Voice } from "./lifecycle/say.js";
import { start } from "./start.js";

const { isMainThread, workerData } = threads;

/** What `@tocsin/agent/register` does: starts where the service's own code runs, and never fails the service. */
export function startByImport(): void {
  if (isMainThread ? isLauncher(process.argv[1]) : isToolThread()) return;
  try {
    if (!existsSync(new URL("./worker.cjs", import.meta.url))) throw new Error(BUNDLED);
    start();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    new Voice("warn").warn(`could not start, the service runs without it: ${why}`);
  }
}

/** What a service is told that has the agent within itself, where the files that it loads are not beside it. */
export const BUNDLED =
  "@tocsin/agent was bundled into the service, where it cannot work; leave it out and installed (esbuild: --external:@tocsin/agent; webpack: externals; Next.js: serverExternalPackages).";

/**
 * Whether this thread is the agent's own, one in which pino's transports write, or the one in which Node runs module loaders:
 * none has anything to watch.
 */
function isToolThread(): boolean {
  if ((workerData as { kind?: string } | null)?.kind === "tocsin-sender") return true;
  if (/[\\/]node_modules[\\/]thread-stream[\\/]/.test(process.argv[1] ?? "")) return true;
  // Older versions of Node do not tell, but give a thread `null` only where it is asked for.
  const { isInternalThread } = threads as { isInternalThread?: boolean };
  return isInternalThread ?? workerData === null;
}
