import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { messageOf } from "@tocsin/model";
import { type ConfigSource, formatProblem } from "@tocsin/model/config";
import { CollectorError } from "../errors.js";
import { compileSlo } from "./compile.js";
import type { SlosConfig } from "./config.js";
import { readSloDocuments } from "./documents/read-documents.js";
import type { SloSpec } from "./spec.js";

/**
 * The SLOs of a configuration: those written in it, then those of its `slo_files`.
 *
 * @param baseDir where relative names of files begin
 * @throws {CollectorError} CONFIG_UNREADABLE when a file cannot be read, CONFIG_INVALID with every fault and its place
 */
export async function loadSlos(
  slos: SlosConfig,
  files: readonly string[],
  baseDir: string,
): Promise<SloSpec[]> {
  const sources = await readSloFiles(files, baseDir);
  const { specs, problems } = readSloDocuments(sources);
  const faults = problems.filter(({ severity }) => severity === "error");
  if (faults.length > 0) {
    const shown = faults.map((fault) =>
      formatProblem(
        fault,
        sources.find(({ file }) => file === fault.file),
      ),
    );
    throw new CollectorError("CONFIG_INVALID", `The SLO files have faults:\n${shown.join("\n")}`);
  }
  const all = [...slos.map((slo) => compileSlo(slo)), ...specs];
  const twice = all.find(({ name }, index) => all.findIndex((other) => other.name === name) !== index);
  if (twice) {
    const place = twice.place === undefined ? "" : ` (${twice.place})`;
    throw new CollectorError(
      "CONFIG_INVALID",
      `Two SLOs are called "${twice.name}"${place}. Give each its own name.`,
    );
  }
  return all;
}

/**
 * Reads files by name; the last part of a name may have `*` in it.
 *
 * @throws {CollectorError} CONFIG_UNREADABLE
 */
export async function readSloFiles(names: readonly string[], baseDir: string): Promise<ConfigSource[]> {
  const files = (await Promise.all(names.map((name) => expand(name, baseDir)))).flat();
  return Promise.all(
    [...new Set(files)].map(async (file) => {
      try {
        return { file, text: await readFile(resolve(baseDir, file), "utf8") };
      } catch (error) {
        throw unreadable(file, error);
      }
    }),
  );
}

async function expand(name: string, baseDir: string): Promise<string[]> {
  if (!basename(name).includes("*")) return [name];
  const pattern = new RegExp(`^${basename(name).split("*").map(escapeText).join(".*")}$`);
  try {
    const entries = await readdir(resolve(baseDir, dirname(name)));
    return entries
      .filter((entry) => pattern.test(entry))
      .sort()
      .map((entry) => (dirname(name) === "." ? entry : `${dirname(name)}/${entry}`));
  } catch (error) {
    throw unreadable(name, error);
  }
}

function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function unreadable(file: string, error: unknown): CollectorError {
  return new CollectorError("CONFIG_UNREADABLE", `Cannot read the SLO file ${file}: ${messageOf(error)}.`, {
    cause: error,
  });
}
