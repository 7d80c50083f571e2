import type { CollectorConfig } from "../config/schema.js";
import type { ForwardConfig } from "../export/config.js";

/** One OTLP backend with its own place in the spool. */
export interface ForwardTarget {
  readonly name: string;
  readonly config: ForwardConfig;
}

/** Everything that OTLP is passed on to: `forward`, and each of `exporters`. */
export function forwardTargets(config: CollectorConfig): readonly ForwardTarget[] {
  const { forward, exporters } = config;
  return [
    ...(forward.endpoints.length > 0 ? [{ name: "forward", config: forward }] : []),
    ...exporters.flatMap(({ name, otlp }) => (otlp ? [{ name: `exporter-${name}`, config: otlp }] : [])),
  ];
}

/** Reads what is passed on later than the rest: traces, when they have been decided on. */
export const tracesOf = (target: string): string => `${target}-traces`;
/** Runs ahead of it and gathers what decisions need. */
export const aheadOf = (target: string): string => `${target}-traces-ahead`;

/** The consumers of the spool that forwarding needs, and who of them shares whose work. */
export function forwardConsumers(config: CollectorConfig): {
  readonly consumers: readonly string[];
  readonly sharers: Readonly<Record<string, string>>;
} {
  const names = forwardTargets(config).map(({ name }) => name);
  const extra = config.sample.tail ? names.flatMap((name) => [tracesOf(name), aheadOf(name)]) : [];
  // Also without tail sampling: what it left behind when it was switched off is the target's to send.
  const sharers = names.flatMap((name) => [
    [tracesOf(name), name],
    [aheadOf(name), name],
  ]);
  return { consumers: [...names, ...extra], sharers: Object.fromEntries(sharers) };
}
