import { readdir } from "node:fs/promises";
import { dirname, join, parse, relative, sep } from "node:path";

/**
 * Files whose names fit a pattern, as Prometheus's `rule_files` understand it: `*` and `?` within one part of the path,
 * sets such as `[ab]`; a name without these stands for itself, whether or not the file exists.
 *
 * @param pattern an absolute path
 */
export async function filesMatching(pattern: string): Promise<string[]> {
  const { root } = parse(pattern);
  let found = [root];
  const parts = relative(root, pattern).split(sep);
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    found = isPattern(part)
      ? (await Promise.all(found.map((folder) => entriesMatching(folder, part, isLast)))).flat()
      : found.map((folder) => join(folder, part));
  }
  return found.sort();
}

async function entriesMatching(folder: string, part: string, wantsFiles: boolean): Promise<string[]> {
  const regex = new RegExp(`^${part.replace(/\[[^\]]+\]|[.+^${}()|[\]\\*?]/g, translated)}$`);
  let entries: Awaited<ReturnType<typeof readNames>>;
  try {
    entries = await readNames(folder);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
  return entries
    .filter((entry) => regex.test(entry.name) && (wantsFiles ? !entry.isDirectory() : !entry.isFile()))
    .map((entry) => join(folder, entry.name));
}

function readNames(folder: string) {
  return readdir(folder, { withFileTypes: true });
}

function isPattern(part: string): boolean {
  return /[*?[]/.test(part);
}

function translated(piece: string): string {
  if (piece === "*") return ".*";
  if (piece === "?") return ".";
  return piece.length > 1 ? piece : `\\${piece}`;
}

/** The folder that relative names in a configuration begin at. */
export function baseFolder(configFile: string | undefined, cwd: string): string {
  return configFile === undefined ? cwd : dirname(configFile);
}
