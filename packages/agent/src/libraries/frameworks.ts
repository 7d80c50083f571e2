import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { serverSpanOf } from "../http/server.js";
import { guarded } from "../trace/guarded.js";
import { LATE, type ModuleHook, type Patched } from "./module-hook.js";

/** Where what happened to a library is told. */
export interface LibraryReport {
  readonly patched: Patched;
  readonly missed: (name: string, why: string) => void;
}

/**
 * Learns the route of each request from fastify, which announces its instances on a diagnostics channel, by one hook of
 * fastify's own. Returns what undoes it.
 */
export function watchFastify(hook: ModuleHook, report: LibraryReport): () => void {
  // An instance that was made before is out of reach, and there is no telling whether there is one.
  hook.on("fastify", (_exports, { file, isLate }) => {
    if (file === "fastify.js" && isLate) report.missed("fastify", LATE);
  });
  const onInstance = (message: unknown): void => guarded(() => watch(message));
  const watch = (message: unknown): void => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.addHook("onRequest", (request, _reply, done) => {
      const route = request.routeOptions?.url;
      if (route !== undefined) serverSpanOf(request.raw)?.setRoute(route);
      done();
    });
    fastify.addHook("onError", (request, _reply, error, done) => {
      serverSpanOf(request.raw)?.failed(error);
      done();
    });
    report.patched("fastify");
  };
  subscribe("fastify.initialization", onInstance);
  return () => {
    unsubscribe("fastify.initialization", onInstance);
  };
}

interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly routeOptions?: { readonly url?: string };
}
interface FastifyInstance {
  addHook(name: "onRequest", hook: (request: FastifyRequest, reply: unknown, done: () => void) => void): void;
  addHook(
    name: "onError",
    hook: (request: FastifyRequest, reply: unknown, error: Error, done: () => void) => void,
  ): void;
}

/**
 * Learns the route from koa's routers, which leave it on the request's context, read when the request ends, and the error
 * from where koa answers it.
 */
export function watchKoa(hook: ModuleHook, patched: Patched): void {
  hook.on("koa", (exports, loaded) => {
    const { file } = loaded;
    if (file === "lib/context.js") wrapKoaErrors(exports as KoaContext);
    if (file !== "lib/application.js" || typeof exports !== "function") return;
    const prototype = exports.prototype as {
      createContext?: (this: unknown, request: IncomingMessage, response: unknown) => KoaContext;
    };
    const original = prototype.createContext;
    if (typeof original !== "function") return;
    prototype.createContext = function createContext(request, response) {
      const context = original.call(this, request, response);
      const span = serverSpanOf(request);
      if (span !== undefined) span.routeSource = () => routeOfKoa(context);
      return context;
    };
    const onerror = (exports.prototype as { onerror?: (error: unknown) => void }).onerror;
    if (typeof onerror === "function") patched("koa", loaded);
  });
}

interface KoaContext {
  readonly _matchedRoute?: unknown;
  readonly routerPath?: unknown;
  readonly req?: IncomingMessage;
  onerror?: (this: KoaContext, error: unknown, ...rest: unknown[]) => unknown;
}

function wrapKoaErrors(context: KoaContext): void {
  const original = context.onerror;
  if (typeof original !== "function") return;
  context.onerror = function onerror(error, ...rest) {
    if (this.req !== undefined && isFailure((error as { status?: unknown } | null)?.status))
      serverSpanOf(this.req)?.failed(error);
    return original.call(this, error, ...rest);
  };
}

/** Whether an error with this HTTP status is the server's own; "not found" and the like are answers as any other. */
export function isFailure(status: unknown): boolean {
  return typeof status !== "number" || status >= 500;
}

function routeOfKoa(context: KoaContext): string | undefined {
  const route = context._matchedRoute;
  return route === undefined || route === null ? undefined : String(route);
}

/** Learns route and error from hapi, which keeps both on its request. Paths it serves itself (404) have no route. */
export function watchHapi(hook: ModuleHook, patched: Patched): void {
  hook.on("@hapi/hapi", (exports, loaded) => {
    if (loaded.file !== "lib/request.js") return;
    const maker = (typeof exports === "function" ? exports : undefined) as
      | { generate?: (...args: unknown[]) => HapiRequest }
      | undefined;
    const original = maker?.generate;
    if (maker === undefined || typeof original !== "function") return;
    maker.generate = function generate(this: unknown, ...args) {
      const request = Reflect.apply(original, this, args);
      const span = serverSpanOf(request.raw.req);
      if (span !== undefined)
        span.routeSource = () => {
          const { path } = request.route ?? {};
          const error = request.response?._error;
          if (isFailure(error?.output?.statusCode)) span.failed(error);
          return path === undefined || path === NOT_FOUND ? undefined : path;
        };
      return request;
    };
    patched("hapi", loaded);
  });
}

interface HapiRequest {
  readonly raw: { readonly req: IncomingMessage };
  readonly route?: { readonly path?: string };
  readonly response?: { readonly _error?: Error & { readonly output?: { readonly statusCode?: number } } };
}
const NOT_FOUND = "/{p*}";
