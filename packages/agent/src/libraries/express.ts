import { serverSpanOf } from "../http/server.js";
import type { ServerSpan } from "../http/server-span.js";
import type { LibraryReport } from "./frameworks.js";
import { LATE, type ModuleHook } from "./module-hook.js";

/**
 * Learns the route of each request from express 4 and 5 (and anything built on the `router` package).
 *
 * Dispatching to a route is one method call, and that is where pattern and mount point are both known: later an error
 * handler may have taken the request out of the router again. No spans are made for layers.
 */
export function watchExpress(hook: ModuleHook, report: LibraryReport): void {
  const onRoute = (exports: unknown): void => {
    if (isConstructor(exports)) wrapDispatch(exports.prototype);
  };
  hook.on("router", (exports, { file }) => {
    if (file === "lib/route.js") onRoute(exports);
    if (file === "lib/layer.js" && isConstructor(exports)) wrapErrors(exports.prototype, "handleError");
    if (file === "index.js" && isConstructor(exports)) wrapUse(exports.prototype);
  });
  hook.on("express", (exports, loaded) => {
    const { file } = loaded;
    if (file === "lib/router/route.js") onRoute(exports);
    if (file === "lib/router/index.js") wrapUse(exports as object);
    if (file === "lib/router/layer.js" && isConstructor(exports))
      wrapErrors(exports.prototype, "handle_error");
    if (file !== "lib/express.js") return;
    // Mounts with parameters and errors that nobody handles are out of reach by then.
    if (loaded.isLate) report.missed("express", LATE);
    else report.patched("express", loaded);
  });
  hook.on("finalhandler", (exports, { file }) =>
    file === "index.js" && typeof exports === "function" ? wrapFinal(exports as FinalHandler) : undefined,
  );
}

interface RouterRequest {
  baseUrl?: string;
}

const WRAPPED = Symbol("tocsin.wrapped");

type Dispatch = (this: { path?: unknown }, request: RouterRequest, ...rest: unknown[]) => unknown;

function wrapDispatch(prototype: { dispatch?: Dispatch; [WRAPPED]?: true }): void {
  const original = prototype.dispatch;
  if (typeof original !== "function" || prototype[WRAPPED]) return;
  prototype[WRAPPED] = true;
  prototype.dispatch = function dispatch(request, response, done) {
    const span = serverSpanOf(request);
    if (span !== undefined) span.setRoute(patternText(this.path), basePattern(request, span));
    return original.call(this, request, response, done);
  };
}

type HandleError = (this: unknown, error: unknown, request: object, ...rest: unknown[]) => unknown;

/** Every layer is offered an error on its way to the error handler; the first to be offered it tells the span. */
function wrapErrors(prototype: object, name: string): void {
  const holder = prototype as Record<string, HandleError | undefined> & { [WRAPPED]?: true };
  const original = holder[name];
  if (typeof original !== "function" || holder[WRAPPED]) return;
  holder[WRAPPED] = true;
  holder[name] = function handleError(error, request, ...rest) {
    // "route" and "router" are express's own words for going on elsewhere.
    if (error !== "route" && error !== "router") serverSpanOf(request)?.failed(error);
    return original.call(this, error, request, ...rest);
  };
}

type FinalHandler = (request: object, ...rest: unknown[]) => (error: unknown) => unknown;

/** Where errors end up that no handler took. */
function wrapFinal(original: FinalHandler): FinalHandler {
  return function finalhandler(request, ...rest) {
    const done = original(request, ...rest);
    return (error) => {
      if (error !== undefined && error !== null) serverSpanOf(request)?.failed(error);
      return done(error);
    };
  };
}

/** The mount point as a pattern: what was matched, with parametric parts put back. */
function basePattern(request: RouterRequest, { mount }: ServerSpan): string {
  const base = request.baseUrl ?? "";
  if (mount === undefined || !base.startsWith(mount.actual)) return base;
  return mount.pattern + base.slice(mount.actual.length);
}

type Use = (this: { stack?: Layer[] }, ...args: unknown[]) => unknown;
interface Layer {
  handle: Handle;
}
type Handle = (this: unknown, request: RouterRequest, response: unknown, next: unknown) => unknown;

/**
 * A mount path without parameters equals its pattern, so only the others are marked, when they are registered;
 * requests elsewhere pay nothing.
 */
function wrapUse(router: object): void {
  const holder = router as { use?: Use; [WRAPPED]?: true };
  const original = holder.use;
  if (typeof original !== "function" || Object.hasOwn(holder, WRAPPED)) return;
  holder[WRAPPED] = true;
  holder.use = function use(...args) {
    const before = this.stack?.length ?? 0;
    const result = original.apply(this, args);
    const path = args[0];
    if (typeof path !== "function" && isParametric(path))
      for (const layer of this.stack?.slice(before) ?? []) markMount(layer, patternText(path));
    return result;
  };
}

function markMount(layer: Layer, path: string): void {
  const original = layer.handle;
  // Error handlers are told from others by their number of parameters, and have no routes below them.
  if (original.length > 3) return;
  layer.handle = function mounted(request, response, next) {
    const span = serverSpanOf(request);
    if (span === undefined) return original.call(this, request, response, next);
    const outer = span.mount;
    const actual = request.baseUrl ?? "";
    const above =
      outer === undefined
        ? parentOf(actual, path)
        : outer.pattern + parentOf(actual.slice(outer.actual.length), path);
    span.mount = { actual, pattern: above + path };
    return original.call(this, request, response, next);
  };
}

/** What of a base URL is above a mount: as many segments less as the mount path has. */
function parentOf(base: string, path: string): string {
  const segments = base.split("/");
  return segments.slice(0, Math.max(1, segments.length - path.split("/").length + 1)).join("/");
}

function isParametric(path: unknown): boolean {
  if (Array.isArray(path)) return path.some(isParametric);
  return path instanceof RegExp || (typeof path === "string" && /[:*({[]/.test(path));
}

/** Patterns are strings, expressions, or lists of both. */
function patternText(path: unknown): string {
  if (typeof path === "string") return path;
  if (Array.isArray(path)) return path.map(patternText).join("|");
  return path === undefined ? "" : String(path);
}

/** The prototype of a router is a function itself. */
function isConstructor(value: unknown): value is { prototype: object } {
  if (typeof value !== "function") return false;
  const prototype: unknown = value.prototype;
  return typeof prototype === "function" || (typeof prototype === "object" && prototype !== null);
}
