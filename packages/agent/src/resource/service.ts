import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** What is known of the service itself. */
export interface ServiceIdentity {
  readonly name: string | undefined;
  readonly version: string | undefined;
}

/** Reads a file, or says that there is none. */
export type ReadText = (path: string) => string | undefined;

/** Name and version by the nearest `package.json` at or above `from` that has a name. */
export function serviceIdentity(from: string, read: ReadText = readText): ServiceIdentity {
  for (let dir = from; ; dir = dirname(dir)) {
    const text = read(join(dir, "package.json"));
    const found = text === undefined ? undefined : parsePackage(text);
    if (found?.name !== undefined) return found;
    if (dirname(dir) === dir) return { name: undefined, version: undefined };
  }
}

function parsePackage(text: string): ServiceIdentity | undefined {
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

/** The commit that is checked out, read from `.git` without running git; in full. */
export function gitCommit(from: string, read: ReadText = readText): string | undefined {
  for (let dir = from; ; dir = dirname(dir)) {
    const found = headOf(join(dir, ".git"), read);
    if (found !== undefined) return /^[0-9a-f]{40,64}$/.test(found) ? found : undefined;
    if (dirname(dir) === dir) return undefined;
  }
}

/** Worktrees and submodules have a file that says where their folder is, and worktrees share their branches with another. */
function headOf(git: string, read: ReadText): string | undefined {
  const pointer = /^gitdir: (.+)$/m.exec(read(git) ?? "")?.[1];
  const own = pointer === undefined ? git : resolve(dirname(git), pointer);
  const head = read(join(own, "HEAD"))?.trim();
  const ref = /^ref: (.+)$/.exec(head ?? "")?.[1];
  if (ref === undefined) return head;
  const common = read(join(own, "commondir"))?.trim();
  const shared = common === undefined ? own : resolve(own, common);
  return (
    read(join(own, ref))?.trim() ?? read(join(shared, ref))?.trim() ?? packedRef(shared, ref, read) ?? ""
  );
}

function packedRef(git: string, ref: string, read: ReadText): string | undefined {
  const lines = read(join(git, "packed-refs"))?.split("\n") ?? [];
  return lines.find((line) => line.endsWith(` ${ref}`))?.split(" ")[0];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
