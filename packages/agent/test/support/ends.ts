import { Service } from "./service.js";

/** As it is by default: nothing has left yet when the process ends. */
export const SLOW = { OTEL_METRIC_EXPORT_INTERVAL: "60000", OTEL_BSP_SCHEDULE_DELAY: "60000" };

/**
 * For tests of what is delivered at the very end: it is held up by 0.8 s at most, in which a machine that is busy with other
 * things may not even start the thread that delivers.
 */
export const AT_THE_END = { retry: 3 };

/** Ways to end, and what Node makes of each without the agent. */
export const WAYS = [
  { how: "exit", code: 3, signal: null },
  { how: "throw", code: 1, signal: null },
  { how: "reject", code: 1, signal: null },
  { how: "idle", code: 0, signal: null },
  { how: "wait", kill: "SIGTERM", code: null, signal: "SIGTERM" },
  { how: "wait", kill: "SIGINT", code: null, signal: "SIGINT" },
  { how: "again", code: null, signal: "SIGTERM" },
  { how: "own", kill: "SIGTERM", code: 7, signal: null },
] as const;

/** Starts a process that ends in this way, and tells how it did. */
export async function end(way: (typeof WAYS)[number], url: string, options: object = {}) {
  const service = new Service("ends.mjs", url, { args: [way.how], ...options });
  if ("kill" in way) {
    await service.message();
    service.child.kill(way.kill);
  }
  return { ...(await service.ended), stderr: service.stderr };
}
