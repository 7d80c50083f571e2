import { type ConfigSource, type Problem, sortProblems } from "@tocsin/model/config";
import type { SloOrigins } from "../slo/origin.js";
import { type LoadOptions, loadConfig } from "./load.js";
import type { Parts } from "./mode.js";
import { openAddress } from "./open-address.js";
import { Reading } from "./reading.js";
import type { CollectorConfig } from "./schema.js";
import type { WatchSetup } from "./watch-setup.js";

/** A configuration with every file that it names, read and checked. */
export interface Setup {
  readonly config: CollectorConfig;
  /** Undefined: the defaults. */
  readonly file: string | undefined;
  /** Where relative names begin. */
  readonly folder: string;
  /** What it asks for. */
  readonly parts: Parts;
  /** SLOs, rules and alerts; undefined without `parts.watch`. */
  readonly watch: WatchSetup | undefined;
}

export interface LoadedSetup {
  /** Undefined when there is an error among the problems. */
  readonly setup: Setup | undefined;
  /** In the order of files and places; warnings too. */
  readonly problems: readonly Problem[];
  /** Every file that was read, for showing problems with their lines. */
  readonly sources: readonly ConfigSource[];
  /** SLOs that could be read, also when there are errors elsewhere, and where they were written. */
  readonly origins: SloOrigins;
}

/**
 * Reads `tocsin.yaml` and everything it points to: rule files, SLO files, Alertmanager's configuration, templates.
 * All faults of all files come together.
 *
 * @param file undefined gives the defaults
 * @param folder where relative names begin
 * @throws {CollectorError} CONFIG_UNREADABLE when `file` itself cannot be read
 */
export async function loadSetup(
  file: string | undefined,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
  options: LoadOptions = {},
): Promise<LoadedSetup> {
  const loaded = await loadConfig(file, env, options);
  if (!loaded.ok) {
    const { problems, source } = loaded;
    return { setup: undefined, problems, sources: [source], origins: new Map() };
  }
  const { config, whole, parts, document, source } = loaded;
  const reading = new Reading(document, folder, source);
  // The code that reads rules and SLOs is loaded only where there may be some.
  const read = whole && (await (await import("./watch-setup.js")).readWatch(whole, reading));
  warnOfUnused(config, document?.value, reading);
  const open = openAddress(config);
  if (open) reading.fault(["listen", open.name], "config/open-address", open.message);
  const problems = sortProblems(reading.problems);
  const failed = (read && !read.watch) || problems.some(({ severity }) => severity === "error");
  const setup = failed ? undefined : { config, file, folder, parts, watch: read?.watch };
  return { setup, problems, sources: reading.sources, origins: read?.origins ?? new Map() };
}

function warnOfUnused(config: CollectorConfig, written: unknown, reading: Reading): void {
  if (config.mode !== "sidecar" || config.store === "none" || !(written && Object.hasOwn(written, "store")))
    return;
  reading.warning(
    ["store"],
    "config/unused",
    "A sidecar keeps no traces and logs, so `store` is not used. Leave it out, or use mode: standalone.",
  );
}
