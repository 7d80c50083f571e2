import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ErrorRequestHandler, Express } from "express";
import type { Logger } from "pino";
import { endWithParent, tellParent } from "./parent.js";

/** Logs what went wrong with its trace id (the agent adds it) and answers 500, without the stack. */
export function errorHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    log.error({ err: error, path: request.path }, "request failed");
    response.status(500).json({ error: "internal error" });
  };
}

/** Serves on PORT (default: any free one) on loopback and tells the parent which it is. */
export async function serve(app: Express, log: Logger): Promise<void> {
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  log.info({ port }, "listening");
  tellParent({ kind: "listening", port });
  endWithParent(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  );
}

/** Asks another service; its failures are passed on as what they are. */
export async function ask(url: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(5_000) });
  return { status: response.status, body: await response.json() };
}

/** A POST with JSON. */
export function postJson(body: unknown): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
