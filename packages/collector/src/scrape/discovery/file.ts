import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Labels } from "@tocsin/model";
import { parse } from "yaml";
import { filesMatching } from "../../config/file-pattern.js";
import type { FileSdConfig } from "../config.js";
import { type Discovery, type DiscoveryDeps, groupTargets } from "./discovery.js";
import { readTargetGroups } from "./target-groups.js";

/** Files are read again this often at the latest: that replaces watching them, which differs between systems. */
const MAX_REFRESH_MS = 5_000;

/** Targets in files, YAML or JSON; the last part of a name may hold `*`. */
export function fileDiscovery(config: FileSdConfig, { baseDir }: DiscoveryDeps): Discovery {
  return {
    name: `file_sd ${config.files.join(", ")}`,
    refreshMs: Math.min(config.refresh_interval, MAX_REFRESH_MS),
    async find() {
      const targets: Labels[] = [];
      for (const pattern of config.files) {
        for (const file of await filesMatching(resolve(baseDir, pattern))) {
          const groups = readTargetGroups(parse(await readFile(file, "utf8")), file);
          targets.push(...groupTargets(groups, { __meta_filepath: file }));
        }
      }
      return targets;
    },
  };
}
