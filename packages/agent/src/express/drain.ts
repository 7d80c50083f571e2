import type { IncomingMessage, Server, ServerResponse } from "node:http";

/** How long a drain may take. */
export interface DrainTimes {
  /** How long connections are still accepted, while those who balance load learn that they should not come any more. */
  readonly noticeMs: number;
  /** How long in all, notice included. */
  readonly drainMs: number;
}

/**
 * What a service is at, learnt from its requests, and how it comes to an end: it stops to accept connections, serves what
 * it has, and asks clients to leave with their next answer.
 */
export class Drain {
  private readonly servers = new Set<Server>();
  private readonly open = new Set<ServerResponse>();
  private isOver = false;
  private onQuiet: (() => void) | undefined;

  /** Takes note of a request, until its answer is out. */
  enter(request: IncomingMessage, response: ServerResponse): void {
    const { server } = request.socket as { server?: Server };
    if (typeof server?.close === "function") this.servers.add(server);
    this.open.add(response);
    if (this.isOver) askToLeave(response);
    response.once("close", () => {
      this.open.delete(response);
      if (this.open.size === 0) this.onQuiet?.();
    });
  }

  /** Ends when all is served or the time is over. The process lives at least that long. */
  async finish({ noticeMs, drainMs }: DrainTimes): Promise<void> {
    this.isOver = true;
    for (const response of this.open) askToLeave(response);
    if (this.servers.size === 0) return;
    await new Promise((resolve) => setTimeout(resolve, Math.min(noticeMs, drainMs)));
    for (const server of this.servers) {
      server.close();
      server.closeIdleConnections?.();
    }
    if (this.open.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, drainMs - noticeMs));
      this.onQuiet = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A connection that is kept alive would bring the next request. HTTP/2 says so by closing the session. */
function askToLeave(response: ServerResponse): void {
  if (!response.headersSent && response.req?.httpVersionMajor === 1)
    response.setHeader("connection", "close");
}
