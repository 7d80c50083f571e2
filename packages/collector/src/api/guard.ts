import { isIP } from "node:net";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { Authenticator, Identity } from "../auth/authenticator.js";
import type { Permission } from "../auth/config.js";

declare module "express-serve-static-core" {
  interface Request {
    /** Set by `requirePermission`. */
    identity?: Identity;
  }
}

/**
 * Refuses requests that a web site could make in a visitor's browser: the Host must be one of ours (which defeats DNS
 * rebinding), and a request that names an Origin must come from our own page.
 *
 * @param allowedHosts host names without port; a loopback address answers to every loopback name
 */
export function sameOriginOnly(allowedHosts: readonly string[]): RequestHandler {
  const allowed = new Set([
    "localhost",
    "127.0.0.1",
    "[::1]",
    ...allowedHosts.map((host) => host.toLowerCase()),
  ]);
  return (request, response, next) => {
    const host = hostName(request.headers.host);
    // An address cannot be rebound; only names can. Probes and scrapers come by address.
    if (!allowed.has(host) && !allowed.has("*") && isIP(host.replace(/^\[|\]$/g, "")) === 0) {
      response.status(403).json({
        error: `This collector does not answer to the host name "${host}". Add it to \`listen.hosts\`.`,
      });
      return;
    }
    const origin = request.headers.origin;
    if (origin !== undefined && !isOwnOrigin(origin, request.headers.host)) {
      response.status(403).json({ error: `Requests from the origin "${origin}" are not allowed.` });
      return;
    }
    next();
  };
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}

function hostName(host = ""): string {
  return host.toLowerCase().replace(/:\d+$/, "");
}

/** Lets a request pass when its sender holds the permission; `request.identity` tells who it is afterwards. */
export function requirePermission(authenticator: Authenticator, permission: Permission): RequestHandler {
  return (request, response, next) => {
    const answer = authenticator.authorize(request.headers.authorization, permission);
    if (!answer.allowed) {
      if (answer.status === 401) response.setHeader("WWW-Authenticate", 'Bearer realm="tocsin"');
      response.status(answer.status).json({ error: answer.message });
      return;
    }
    request.identity = answer.identity;
    next();
  };
}

/** Reading for GET and HEAD; acting for everything else. */
export function requireByMethod(authenticator: Authenticator): RequestHandler {
  const read = requirePermission(authenticator, "read");
  const act = requirePermission(authenticator, "act");
  return (request: Request, response: Response, next: NextFunction) =>
    (request.method === "GET" || request.method === "HEAD" ? read : act)(request, response, next);
}
