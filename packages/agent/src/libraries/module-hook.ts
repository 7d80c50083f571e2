import { readFileSync } from "node:fs";
import Module from "node:module";
import { join, sep } from "node:path";

/** A CommonJS file of a package, just loaded. */
export interface LoadedFile {
  readonly packageName: string;
  readonly packageDir: string;
  /** Path within the package with forward slashes, e.g. `lib/route.js`. */
  readonly file: string;
  /** Version by the package's `package.json`; read when asked for. */
  version(): string | undefined;
  /** Whether it was loaded before the agent, so that what others have taken from its exports is as it was. */
  readonly isLate: boolean;
}

/** Why a library is not seen, or not wholly, that was loaded before the agent. */
export const LATE = "loaded before the agent, so that parts of it are not seen; start with --import";

/** Told of a library that is watched from now on. */
export type Patched = (name: string, loaded?: LoadedFile) => void;

/** Looks at a file's exports and may return others to stand in for them. */
export type OnLoad = (exports: unknown, loaded: LoadedFile) => unknown | undefined;

/**
 * Calls back for files of packages as they are loaded.
 *
 * Node runs each CommonJS file through one method, also when an ES module imports it, so that a single wrap serves
 * both and needs no loader thread. Libraries published as ES modules only are out of its reach.
 */
export class ModuleHook {
  private readonly listeners = new Map<string, OnLoad[]>();
  private undo: (() => void) | undefined;
  private isCatchingUp = false;
  private readonly onFailed: (packageName: string, why: string) => void;

  /** @param onFailed told of libraries that could not be watched because of a fault of ours */
  constructor(onFailed: (packageName: string, why: string) => void = () => {}) {
    this.onFailed = onFailed;
  }

  /** Registers interest in a package; every file of it is reported. */
  on(packageName: string, onLoad: OnLoad): void {
    const list = this.listeners.get(packageName);
    if (list === undefined) this.listeners.set(packageName, [onLoad]);
    else list.push(onLoad);
  }

  start(): void {
    const prototype = Module.prototype as unknown as { load: Load };
    const original = prototype.load;
    const report = (module: LoadingModule, filename: string): void => this.report(module, filename);
    prototype.load = function load(filename) {
      const result = original.call(this, filename);
      report(this, filename);
      return result;
    };
    const wrapped = prototype.load;
    this.undo = () => {
      if (prototype.load === wrapped) prototype.load = original;
    };
  }

  stop(): void {
    this.undo?.();
    this.undo = undefined;
    this.listeners.clear();
  }

  /** Runs the listeners on files loaded before, whose exports can only be changed in place. */
  catchUp(): void {
    this.isCatchingUp = true;
    for (const [filename, module] of Object.entries(cache()))
      if (module?.loaded) this.report(module, filename);
    this.isCatchingUp = false;
  }

  private report(module: LoadingModule, filename: string): void {
    const loaded = identify(filename, this.isCatchingUp);
    if (loaded === undefined) return;
    for (const listener of this.listeners.get(loaded.packageName) ?? [])
      try {
        const replaced = listener(module.exports, loaded);
        if (replaced !== undefined && !this.isCatchingUp) module.exports = replaced;
      } catch (error) {
        // The library works without us.
        this.onFailed(loaded.packageName, error instanceof Error ? error.message : String(error));
      }
  }
}

interface LoadingModule {
  exports: unknown;
  loaded: boolean;
}
type Load = (this: LoadingModule, filename: string) => unknown;

function cache(): Readonly<Record<string, LoadingModule | undefined>> {
  return (Module as unknown as { _cache: Record<string, LoadingModule> })._cache;
}

const MARK = `${sep}node_modules${sep}`;

/** Package and file of a path below `node_modules`; the innermost one counts. */
export function identify(filename: string, isLate = false): LoadedFile | undefined {
  const at = filename.lastIndexOf(MARK);
  if (at < 0) return undefined;
  const start = at + MARK.length;
  let end = filename.indexOf(sep, start);
  if (end < 0) return undefined;
  if (filename[start] === "@") {
    end = filename.indexOf(sep, end + 1);
    if (end < 0) return undefined;
  }
  const packageDir = filename.slice(0, end);
  const file = filename.slice(end + 1);
  return {
    packageName: filename.slice(start, end).replaceAll("\\", "/"),
    packageDir,
    file: sep === "/" ? file : file.replaceAll(sep, "/"),
    version: () => versionOf(packageDir),
    isLate,
  };
}

function versionOf(packageDir: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(join(packageDir, "package.json"), "utf8")) as {
      version?: unknown;
    };
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}
