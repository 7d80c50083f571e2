import type { Clock, UnixMs } from "@tocsin/model";
import { Router } from "express";

/** The last one that came by mistake. */
export interface WrongDoorSender {
  readonly count: number;
  readonly lastAtMs: UnixMs;
  /** Its address. */
  readonly sender: string;
  /** Of the request; "gRPC" where that was spoken. */
  readonly path: string;
  readonly userAgent: string;
}

/** Senders that came to the page's port with OTLP. */
export interface WrongDoor {
  /** Requests so far, and the last one; `undefined` while nobody did. */
  seen(): WrongDoorSender | undefined;
  /** Notes a connection on which gRPC was spoken, which no HTTP/1.1 server can answer. */
  noteGrpc(address: string | undefined): void;
  readonly router: Router;
}

/**
 * Answers OTLP that arrives at the page's port: the commonest mistake of a first set-up, and one that a bare 404 would
 * leave people to find out for themselves.
 *
 * @param otlpUrl where OTLP/HTTP is received
 */
export function wrongDoor(otlpUrl: () => string, clock: Clock): WrongDoor {
  let last: WrongDoorSender | undefined;
  const note = (address: string | undefined, path: string, userAgent: string): void => {
    const sender = address?.replace(/^::ffff:/, "") ?? "unknown";
    last = { count: (last?.count ?? 0) + 1, lastAtMs: clock.now(), sender, path, userAgent };
  };
  const router = Router();
  router.post(["/v1/traces", "/v1/metrics", "/v1/logs"], (request, response) => {
    note(request.socket.remoteAddress, request.path, request.headers["user-agent"] ?? "");
    // 4xx other than 429 tells OTLP senders not to try again, so that they do not queue what can never be taken.
    response.status(404).json({
      code: 5,
      message: `This is the page's port; OTLP/HTTP is received at ${otlpUrl()}${request.path}.`,
    });
  });
  return { seen: () => last, noteGrpc: (address) => note(address, "gRPC", ""), router };
}
