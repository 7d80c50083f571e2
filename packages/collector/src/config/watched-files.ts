import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { filesMatching } from "./file-pattern.js";
import type { Setup } from "./setup.js";

/**
 * A text that changes whenever a file of a configuration changes, appears or goes. Links are followed, so that a
 * mounted ConfigMap, whose files are links that are swapped, is seen to change. Polled: notices of the file system do
 * not come over network mounts.
 */
export async function watchedSignature(setup: Setup): Promise<string> {
  const { folder, file } = setup;
  const patterns = setup.watch?.files ?? [];
  const matching = await Promise.all(patterns.map((pattern) => filesMatching(resolve(folder, pattern))));
  const files = [...new Set([...(file === undefined ? [] : [file]), ...matching.flat()])].sort();
  return (await Promise.all(files.map(lineOf))).join("\n");
}

async function lineOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${file} ${mtimeMs} ${size} ${ino}`;
  } catch {
    return `${file} -`;
  }
}
