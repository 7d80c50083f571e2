import { type Clock, messageOf, type UnixMs } from "@tocsin/model";
import { Router } from "express";
import { diskProbe } from "./disk.js";
import type { Readiness } from "./health.js";
import type { WrongDoor } from "./wrong-door.js";

export interface StatusDeps {
  readonly version: string;
  readonly mode: string;
  readonly dataDir: string;
  readonly configFile: string | undefined;
  readonly startedAtMs: UnixMs;
  readonly clock: Clock;
  readonly readiness: Readiness;
  readonly wrongDoor: WrongDoor;
  /** What each part says of itself, by its name: spool, store, head, slos, alerts … Read when asked for. */
  readonly parts: Readonly<Record<string, () => unknown>>;
}

/** `GET /api/v1/status`: what the collector knows of itself, and what keeps it from being ready. */
export function statusRoutes(deps: StatusDeps): Router {
  const router = Router();
  const disk = diskProbe(deps.dataDir, deps.clock);
  router.get("/status", async (_request, response) => {
    const reasons = deps.readiness();
    response.json({
      version: deps.version,
      mode: deps.mode,
      pid: process.pid,
      node: process.version,
      timeMs: deps.clock.now(),
      uptimeSeconds: Math.round((deps.clock.now() - deps.startedAtMs) / 1000),
      ready: reasons.length === 0,
      notReady: reasons,
      config: { file: deps.configFile ?? null },
      data: { folder: deps.dataDir, ...(await disk()) },
      memory: { rssBytes: process.memoryUsage.rss() },
      wrongDoor: deps.wrongDoor.seen(),
      ...Object.fromEntries(await Promise.all(Object.entries(deps.parts).map(readPart))),
    });
  });
  return router;
}

async function readPart([name, read]: [string, () => unknown]): Promise<[string, unknown]> {
  try {
    return [name, await read()];
  } catch (error) {
    // One broken part must not hide what the others say.
    return [name, { error: messageOf(error) }];
  }
}
