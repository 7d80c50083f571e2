import { createRequire } from "node:module";
import { join } from "node:path";
import { CONTRIB, type ContribEntry } from "./contrib-list.js";
import type { LibraryReport } from "./frameworks.js";
import { LATE, type LoadedFile, type ModuleHook } from "./module-hook.js";

/**
 * Lets OpenTelemetry's own instrumentations patch their libraries, each loaded when its library is and not before.
 *
 * They would otherwise hook `require` and the ES-module loader themselves, once per library; here one hook finds the
 * files and hands them over, for both kinds of modules.
 */
export function watchContrib(
  hook: ModuleHook,
  report: LibraryReport,
  isEnabled: (name: string) => boolean,
): void {
  for (const item of CONTRIB) {
    if (!isEnabled(item.instrumentation)) continue;
    let parts: readonly Internals[] | undefined;
    for (const library of item.libraries)
      hook.on(library, (exports, loaded) => {
        parts ??= create(item);
        let current = exports;
        for (const part of parts) current = apply(part, current, loaded, item, report);
        return current;
      });
  }
}

/** The parts of OpenTelemetry's `InstrumentationBase` that its own module hooks work by. */
interface Internals {
  _enabled: boolean;
  readonly _modules: readonly Definition[];
  _onRequire(definition: Definition, exports: unknown, name: string, baseDir: string): unknown;
}

interface Definition {
  readonly name: string;
  readonly files: readonly { readonly name: string; readonly moduleExports?: unknown }[];
  readonly patch?: unknown;
  /** Kept once the module was handed over in a version that the instrumentation supports. */
  readonly moduleExports?: unknown;
}

/** The instrumentation and those that it is put together from, as redis's is by major version. */
function create({ instrumentation, className, config }: ContribEntry): readonly Internals[] {
  const file = `./on-demand/instrumentation-${instrumentation}.cjs`;
  const exported = createRequire(import.meta.url)(file) as Record<string, new (config: object) => Internals>;
  const Instrumentation = exported[className];
  if (Instrumentation === undefined) return [];
  const made = new Instrumentation({ ...config, enabled: false });
  const parts = [made, ...Object.values(made).filter(isInstrumentation)];
  // Enabled the usual way it would install its own hooks; being called is all that it needs.
  for (const part of parts) part._enabled = true;
  return parts;
}

function isInstrumentation(value: unknown): value is Internals {
  return typeof value === "object" && value !== null && "_onRequire" in value && "_modules" in value;
}

/** Hands a file over. A version that the instrumentation does not know is told of, unless another file of it is known. */
function apply(
  instance: Internals,
  exports: unknown,
  loaded: LoadedFile,
  item: ContribEntry,
  report: LibraryReport,
): unknown {
  const name = item.instrumentation;
  const tell = (isSupported: boolean): void => {
    if (isSupported && loaded.isLate && !isWholeWhenLate(item, loaded)) report.missed(name, LATE);
    else if (isSupported) report.patched(name, loaded);
    else
      report.missed(
        name,
        `OpenTelemetry's instrumentation does not know version ${loaded.version() ?? "unknown"}`,
      );
  };
  let current = exports;
  const { packageName, packageDir, file } = loaded;
  for (const definition of instance._modules) {
    if (definition.name !== packageName) continue;
    const inner = `${packageName}/${file}`;
    const own = definition.files.filter((known) => known.name === inner || `${known.name}.js` === inner);
    const [first] = own;
    if (first !== undefined) {
      current = instance._onRequire(definition, current, first.name, packageDir) ?? current;
      tell(own.some(({ moduleExports }) => moduleExports !== undefined));
    }
    if (definition.patch !== undefined && isMainFile(loaded)) {
      current = instance._onRequire(definition, current, packageName, packageDir) ?? current;
      tell(definition.moduleExports !== undefined);
    }
  }
  return current;
}

function isWholeWhenLate({ isWholeWhenLate: whole }: ContribEntry, loaded: LoadedFile): boolean {
  if (typeof whole !== "object") return whole === true;
  return loaded.packageName === whole.library && Number.parseInt(loaded.version() ?? "0", 10) >= whole.major;
}

const mainFiles = new Map<string, string | undefined>();

/** Whether this is the file that `require` of the package yields. */
function isMainFile({ packageDir, file }: LoadedFile): boolean {
  if (!mainFiles.has(packageDir)) {
    let main: string | undefined;
    try {
      main = createRequire(join(packageDir, "noop.js")).resolve(packageDir);
    } catch {
      // A package without a main file has nothing to patch there.
    }
    mainFiles.set(packageDir, main);
  }
  return mainFiles.get(packageDir) === join(packageDir, file);
}
