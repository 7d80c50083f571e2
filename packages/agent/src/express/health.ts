import type { IncomingMessage, ServerResponse } from "node:http";
import { urlRedactor } from "../http/redact-url.js";
import { beforeSignalEnds, isTerminating } from "../lifecycle/signals.js";
import { Drain } from "./drain.js";

/** One thing that must work for the service to be ready, e.g. a ping of its database. Throwing means no. */
export type Check = () => unknown | Promise<unknown>;

/** Options of {@link health}. */
export interface HealthOptions {
  /** By name; all are run for each question, side by side. */
  readonly checks?: Readonly<Record<string, Check>>;
  /** How long a check may take before it counts as failed. Default 1000. */
  readonly timeoutMs?: number;
  /** What tells that the service is to end, beside `SIGTERM`. */
  readonly stopping?: AbortSignal;
  /**
   * How long after `SIGTERM` the service may serve what it has, before the signal ends it. Default 8000, within the 10 s of
   * `docker stop`; 0 leaves the signal alone, and so does a listener to it of the service's own.
   */
  readonly drainMs?: number;
  /**
   * How much of that it goes on accepting connections, until those who balance load have learnt that it is not ready.
   * Default 3000 where `/readyz` has been asked, else 0.
   */
  readonly noticeMs?: number;
}

type Next = () => void;

/**
 * Middleware that answers `GET /livez` and `GET /readyz`, and lets the service end in order.
 *
 * Alive is: the event loop turns. Ready is: every check passes, and nobody has asked the process to end. After `SIGTERM`
 * it answers 503, so that a load balancer lets go; the service accepts connections a little longer, then serves what it has
 * while clients are asked to leave, then its telemetry is flushed, and the signal ends it as it would have.
 *
 * A service that listens to the signal itself ends in its own way: then only readiness turns off.
 */
export function health(
  options: HealthOptions = {},
): (request: IncomingMessage, response: ServerResponse, next: Next) => void {
  const timeoutMs = options.timeoutMs ?? 1000;
  const checks = Object.entries(options.checks ?? {});
  const isStopping = (): boolean => isTerminating() || options.stopping?.aborted === true;
  const { drainMs = 8000 } = options;
  const drain = new Drain();
  let wasAsked = false;
  beforeSignalEnds(
    drainMs <= 0
      ? {}
      : { drain: () => drain.finish({ drainMs, noticeMs: options.noticeMs ?? (wasAsked ? 3000 : 0) }) },
  );
  return (request, response, next) => {
    drain.enter(request, response);
    const path = request.url?.split("?", 1)[0];
    if (
      (request.method !== "GET" && request.method !== "HEAD") ||
      (path !== "/livez" && path !== "/readyz")
    ) {
      next();
      return;
    }
    if (path === "/livez") {
      answer(response, 200, { status: "alive" });
      return;
    }
    wasAsked = true;
    if (isStopping()) {
      answer(response, 503, { status: "stopping" });
      return;
    }
    void Promise.all(
      checks.map(async ([name, check]) => [name, await verdict(check, timeoutMs)] as const),
    ).then((results) => {
      const failed = results.filter(([, why]) => why !== undefined);
      if (failed.length === 0) answer(response, 200, { status: "ready" });
      else answer(response, 503, { status: "not ready", failed: Object.fromEntries(failed) });
    });
  };
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.setHeader("cache-control", "no-store");
  response.end(`${JSON.stringify(body)}\n`);
}

/** Nothing when the check passed, else why not. */
async function verdict(check: Check, timeoutMs: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs);
    timer.unref();
  });
  try {
    return await Promise.race([Promise.resolve(check()).then(() => undefined), late]);
  } catch (error) {
    // Whoever may ask for readiness need not know how the database is reached.
    return URLS.text(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

const URLS = urlRedactor({ deny: [], allow: [] });
