import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { serverSpanOf } from "../http/server.js";
import type { ModuleHook } from "./module-hook.js";

/**
 * Learns the route of each request from fastify, which announces its instances on a diagnostics channel, by one hook of
 * fastify's own. Returns what undoes it.
 */
export function watchFastify(patched: (name: string) => void): () => void {
  const onInstance = (message: unknown): void => {
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
    patched("fastify");
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

/** Learns the route from koa's routers, which leave it on the request's context; read when the request ends. */
export function watchKoa(hook: ModuleHook, patched: (name: string) => void): void {
  hook.on("koa", (exports, { file }) => {
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
    if (typeof onerror === "function") patched("koa");
  });
}

interface KoaContext {
  readonly _matchedRoute?: unknown;
  readonly routerPath?: unknown;
}

function routeOfKoa(context: KoaContext): string | undefined {
  const route = context._matchedRoute;
  return route === undefined || route === null ? undefined : String(route);
}

/** Learns the route from hapi, which keeps it on its request. Paths it serves itself (404) have none. */
export function watchHapi(hook: ModuleHook, patched: (name: string) => void): void {
  hook.on("@hapi/hapi", (exports, { file }) => {
    if (file !== "lib/request.js") return;
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
          return path === undefined || path === NOT_FOUND ? undefined : path;
        };
      return request;
    };
    patched("hapi");
  });
}

interface HapiRequest {
  readonly raw: { readonly req: IncomingMessage };
  readonly route?: { readonly path?: string };
}
const NOT_FOUND = "/{p*}";
