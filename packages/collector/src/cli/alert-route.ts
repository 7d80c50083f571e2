import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { buildRouteTree, matchRoutes, parseMatchers, readAlertmanagerFile } from "@tocsin/alerts";
import type { Labels } from "@tocsin/model";
import { formatProblem } from "@tocsin/model/config";
import type { CollectorClient } from "./client.js";
import { type CommandIo, UsageError } from "./command.js";

/** The labels written as `name=value`. @throws {UsageError} */
export function labelsOf(texts: readonly string[]): Labels {
  if (texts.length === 0) throw new UsageError("Write labels, such as severity=page service=cart.");
  return Object.fromEntries(
    texts.flatMap((text) => parseMatchers(text)).map(({ name, value }) => [name, value]),
  );
}

/** Where an alert with these labels goes: by a configuration in a file, else by the running collector's. */
export async function routesOf(
  labels: Labels,
  file: string | undefined,
  client: CollectorClient,
  io: CommandIo,
): Promise<{ receiver: string; route: string }[]> {
  if (file === undefined) {
    const query = new URLSearchParams(Object.entries(labels)).toString();
    return client.json(`/api/v1/alerts/route?${query}`);
  }
  const source = { file, text: await readFile(resolve(io.cwd, file), "utf8") };
  const { config, problems } = readAlertmanagerFile(source);
  if (!config) throw new UsageError(problems.map((problem) => formatProblem(problem, source)).join("\n"));
  return matchRoutes(buildRouteTree(config.route), labels).map(({ receiver, key }) => ({
    receiver,
    route: key,
  }));
}
