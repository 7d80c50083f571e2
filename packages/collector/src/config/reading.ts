import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "@tocsin/model";
import type { ConfigDocument, ConfigSource, Path, Problem } from "@tocsin/model/config";
import { filesMatching } from "./file-pattern.js";

/** Files that are read on account of one configuration, and what is wrong with them. */
export class Reading {
  readonly sources: ConfigSource[] = [];
  readonly problems: Problem[] = [];
  readonly document: ConfigDocument | undefined;
  readonly #folder: string;

  constructor(document: ConfigDocument | undefined, folder: string, source: ConfigSource | undefined) {
    this.document = document;
    this.#folder = folder;
    if (source) this.sources.push(source);
  }

  /** The texts of all files that fit the patterns standing at `path`. */
  async texts(patterns: readonly string[], path: Path): Promise<ConfigSource[]> {
    const found: ConfigSource[] = [];
    for (const [index, pattern] of patterns.entries()) {
      for (const file of await filesMatching(resolve(this.#folder, pattern))) {
        try {
          found.push({ file, text: await readFile(file, "utf8") });
        } catch (error) {
          this.fault([...path, index], "config/unreadable", `Cannot read ${file}: ${messageOf(error)}.`);
        }
      }
    }
    this.sources.push(...found);
    return found;
  }

  /** Notes a fault at a place of the configuration itself. */
  fault(path: Path, code: string, message: string): void {
    if (this.document) this.problems.push(this.document.problemAt(path, { code, message }));
  }

  /** Notes something that its author should know. */
  warning(path: Path, code: string, message: string): void {
    if (this.document)
      this.problems.push(this.document.problemAt(path, { code, message, severity: "warning" }));
  }

  /** `tocsin.yaml:12`, for showing where something was defined. */
  placeOf(path: Path): string | undefined {
    const at = this.document?.problemAt(path, { code: "", message: "" });
    return at && `${at.file}:${at.line}`;
  }
}
