import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What is known of the service itself. */
export interface ServiceIdentity {
  readonly name: string;
  readonly version: string | undefined;
}

/** Reads a file, or says that there is none. */
export type ReadText = (path: string) => string | undefined;

/**
 * Name and version by the nearest `package.json` at or above `from`, the version else by git's current commit.
 * A service without a name gets OpenTelemetry's `unknown_service:node`.
 */
export function serviceIdentity(from: string, read: ReadText = readText): ServiceIdentity {
  for (let dir = from; ; dir = dirname(dir)) {
    const text = read(join(dir, "package.json"));
    const found = text === undefined ? undefined : parsePackage(text);
    if (found?.name !== undefined)
      return { name: found.name, version: found.version ?? gitCommit(dir, read) };
    if (dirname(dir) === dir) return { name: "unknown_service:node", version: gitCommit(from, read) };
  }
}

function parsePackage(text: string): { name: string | undefined; version: string | undefined } | undefined {
  try {
    const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
    return {
      name: typeof name === "string" && name !== "" ? name : undefined,
      // The version that `npm init` writes and private services keep says nothing.
      version: typeof version === "string" && version !== "0.0.0" ? version : undefined,
    };
  } catch {
    return undefined;
  }
}

/** The commit that is checked out, in 12 digits, read from `.git` without running git. */
export function gitCommit(from: string, read: ReadText = readText): string | undefined {
  for (let dir = from; ; dir = dirname(dir)) {
    const head = read(join(dir, ".git", "HEAD"))?.trim();
    if (head !== undefined) {
      const ref = /^ref: (.+)$/.exec(head)?.[1];
      const commit =
        ref === undefined ? head : (read(join(dir, ".git", ref))?.trim() ?? packedRef(dir, ref, read));
      return commit !== undefined && /^[0-9a-f]{40}/.test(commit) ? commit.slice(0, 12) : undefined;
    }
    if (dirname(dir) === dir) return undefined;
  }
}

function packedRef(dir: string, ref: string, read: ReadText): string | undefined {
  const lines = read(join(dir, ".git", "packed-refs"))?.split("\n") ?? [];
  return lines.find((line) => line.endsWith(` ${ref}`))?.split(" ")[0];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
