import type { IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { serverSpanOf } from "../http/server.js";
import { isFailure, type LibraryReport } from "./frameworks.js";
import type { ModuleHook } from "./module-hook.js";
import { whenServing } from "./serving.js";

/**
 * Learns the error from Nest, which catches it before express sees it. Its routes are express's or fastify's.
 *
 * From version 12 on Nest is ES modules alone: its class is asked for once Nest is seen to make or start a server, and is the
 * very one that Nest uses. Returns what undoes it.
 */
export function watchNest(hook: ModuleHook, report: LibraryReport): () => void {
  hook.on("@nestjs/core", (exports, loaded) => {
    if (loaded.file === HANDLER && wrapHandler(exports)) report.patched("nest", loaded);
  });
  return whenServing((files) => {
    const part = files.find((file) => PART.test(file));
    if (part === undefined) return;
    const core = pathToFileURL(createRequire(part).resolve("@nestjs/core"));
    import(new URL(HANDLER, core).href).then(
      (exports) => {
        if (wrapHandler(exports)) report.patched("nest");
      },
      (error) => report.missed("nest", `it could not be patched: ${String(error)}`),
    );
  });
}

const HANDLER = "exceptions/exceptions-handler.js";
const PART = /^file:.*\/node_modules\/@nestjs\/(?:core|platform-[a-z]+)\//;
const WRAPPED = Symbol("tocsin.wrapped");

function wrapHandler(exports: unknown): boolean {
  const { prototype } =
    (exports as { ExceptionsHandler?: { prototype: NestHandler } }).ExceptionsHandler ?? {};
  const original = prototype?.next;
  if (prototype === undefined || typeof original !== "function") return false;
  if (prototype[WRAPPED]) return true;
  prototype[WRAPPED] = true;
  prototype.next = function next(error, host, ...rest) {
    const { getStatus } = (error ?? {}) as { getStatus?: () => unknown };
    const status = typeof getStatus === "function" ? getStatus.call(error) : undefined;
    const request = host.getType?.() === "http" ? host.getArgByIndex(0) : undefined;
    if (request !== undefined && isFailure(status)) serverSpanOf(request.raw ?? request)?.failed(error);
    return original.call(this, error, host, ...rest);
  };
  return true;
}

interface NestHandler {
  next?: (this: unknown, error: unknown, host: NestHost, ...rest: unknown[]) => unknown;
  [WRAPPED]?: true;
}
interface NestHost {
  getType?(): string;
  getArgByIndex(index: number): (IncomingMessage & { readonly raw?: IncomingMessage }) | undefined;
}
