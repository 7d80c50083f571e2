import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** Whether the embedded engine can be loaded on this machine; if not, why and what to do. */
export type EngineAvailability =
  | { readonly available: true }
  | {
      readonly available: false;
      readonly reason: "platform" | "musl" | "not-installed";
      /** What was found. */
      readonly message: string;
      /** What to do about it. */
      readonly cure: string;
    };

/** What the answer depends on. */
export interface Machine {
  /** As `process.platform`. */
  readonly platform: string;
  /** As `process.arch`. */
  readonly arch: string;
  /** Version of the GNU C library; undefined where another one is used. */
  readonly glibc: string | undefined;
  /** Whether a package can be found from here. */
  hasPackage(name: string): boolean;
}

const CHOICES =
  "Or use a ClickHouse server (`store: {clickhouse: {url: …}}`), or run without history (`store: none`).";

/** Looks without loading anything: the library is half a gigabyte and belongs into its own process. */
export function engineAvailability(machine: Machine = thisMachine()): EngineAvailability {
  const { platform, arch } = machine;
  const kind = `${platform}-${arch}`;
  if (!["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"].includes(kind)) {
    return {
      available: false,
      reason: "platform",
      message: `The embedded engine is not made for ${kind}.`,
      cure: `${platform === "win32" ? "Run Tocsin in WSL 2 or a Linux container" : "Run Tocsin on Linux or macOS, x64 or arm64"}. ${CHOICES}`,
    };
  }
  if (platform === "linux" && machine.glibc === undefined) {
    return {
      available: false,
      reason: "musl",
      message: "The embedded engine needs the GNU C library, and this system (Alpine?) uses another one.",
      cure: `Take an image with glibc, such as node:22-slim. ${CHOICES}`,
    };
  }
  const library = `@chdb/lib-${kind}${platform === "linux" ? "-gnu" : ""}`;
  if (!machine.hasPackage("chdb") || !machine.hasPackage(library)) {
    return {
      available: false,
      reason: "not-installed",
      message: "The embedded engine (npm package chdb) was left out when Tocsin was installed.",
      cure: `Install again without \`--omit=optional\`, or \`npm install chdb\` beside Tocsin. ${CHOICES}`,
    };
  }
  return { available: true };
}

function thisMachine(): Machine {
  const require = createRequire(import.meta.url);
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return {
    platform: process.platform,
    arch: process.arch,
    glibc: report?.header?.glibcVersionRuntime,
    hasPackage(name) {
      return (require.resolve.paths(name) ?? []).some((folder) =>
        existsSync(join(folder, name, "package.json")),
      );
    },
  };
}
