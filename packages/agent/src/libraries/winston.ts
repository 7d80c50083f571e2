import { type LoggerDeps, placeOf } from "../logs/console-logs.js";
import type { ModuleHook, Patched } from "./module-hook.js";

/** Gives winston's entries the ids of their trace and sends them on as the logger's own format left them. */
export function watchWinston(hook: ModuleHook, deps: LoggerDeps, patched: Patched): void {
  hook.on("winston", (exports, loaded) => {
    if (loaded.file !== "lib/winston/logger.js" || typeof exports !== "function") return;
    const prototype = exports.prototype as {
      _transform?: Transform;
      push?: (this: unknown, entry: unknown) => boolean;
    };
    const transform = prototype._transform;
    const { push } = prototype;
    if (typeof transform !== "function" || typeof push !== "function") return;
    prototype._transform = function (entry, encoding, done) {
      const place = placeOf(deps.contexts);
      if (place !== "" && typeof entry === "object" && entry !== null)
        Object.assign(entry, {
          trace_id: place.slice(0, 32),
          span_id: place.slice(32, 48),
          trace_flags: place.slice(48),
        });
      return transform.call(this, entry, encoding, done);
    };
    prototype.push = function (entry) {
      if (typeof entry === "object" && entry !== null)
        deps.batch.add(JSON.stringify(entry), deps.now(), placeOf(deps.contexts), "message");
      return push.call(this, entry);
    };
    patched("winston", loaded);
  });
}

type Transform = (this: unknown, entry: unknown, encoding: unknown, done: unknown) => void;
