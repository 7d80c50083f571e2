import { z } from "zod";
import { NOTIFIERS } from "../notify/index.js";
import type { NotifierDefinition } from "../notify/notifier.js";
import type { GlobalConfig } from "./global.js";

/** One way out of a receiver. */
export interface ReceiverEntry {
  /** `slack` for an entry under `slack_configs`. */
  readonly type: string;
  /** Position among the entries of its type. */
  readonly index: number;
  /** The entry in the output form of its notifier's schema, completed from `global`. */
  readonly config: unknown;
  readonly sendResolved: boolean;
  readonly definition: NotifierDefinition;
}

/** A named list of ways out. */
export interface ReceiverConfig {
  readonly name: string;
  readonly entries: readonly ReceiverEntry[];
}

const shape = Object.fromEntries(
  NOTIFIERS.map(({ type, config }) => [`${type}_configs`, z.array(config).nullish()]),
);

/** Alertmanager's receiver: a name and entries under `<type>_configs`. */
export const ReceiverConfig = z
  .strictObject({ name: z.string().min(1, "a receiver needs a name."), ...shape })
  .transform((written): ReceiverConfig => {
    const lists: Readonly<Record<string, unknown>> = written;
    const entries = NOTIFIERS.flatMap((definition) => {
      const { type } = definition;
      const configs = lists[`${type}_configs`];
      return (Array.isArray(configs) ? configs : []).map(
        (config: { send_resolved?: boolean }, index): ReceiverEntry => ({
          type,
          index,
          config,
          sendResolved: config.send_resolved ?? definition.sendResolvedByDefault,
          definition,
        }),
      );
    });
    return { name: written.name, entries };
  });

/** Completes the entries from `global`; what is missing is reported at the entry. */
export function resolveReceiver(
  receiver: ReceiverConfig,
  global: GlobalConfig,
  report: (path: (string | number)[], message: string) => void,
): ReceiverConfig {
  const entries = receiver.entries.map((entry) => {
    const inherited = withHttpConfig(entry.config, global);
    const resolved = entry.definition.resolve?.(inherited, global) ?? inherited;
    if (typeof resolved !== "string") return { ...entry, config: resolved };
    report([`${entry.type}_configs`, entry.index], resolved);
    return entry;
  });
  return { ...receiver, entries };
}

function withHttpConfig(config: unknown, global: GlobalConfig): unknown {
  const own = config as { http_config?: unknown };
  return own.http_config === undefined && global.http_config
    ? { ...own, http_config: global.http_config }
    : own;
}
