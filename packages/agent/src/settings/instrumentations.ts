import { CONTRIB } from "../libraries/contrib-list.js";
import type { EnvReader } from "./env.js";

/** What the agent watches in its own way, by the names that OpenTelemetry's instrumentations have for it. */
const OWN: readonly string[] = [
  "express",
  "fastify",
  "hapi",
  "http",
  "koa",
  "nestjs-core",
  "pino",
  "undici",
  "winston",
];

/** Stock instrumentations that cannot be turned on here, and why. */
const NEVER_ON: Readonly<Record<string, string>> = {
  "aws-lambda": "a handler is wrapped by wrapLambda()",
  dns: "no spans are made of look-ups",
  fs: "no spans are made of files",
  "host-metrics": "the machine is not the agent's to measure",
  net: "no spans are made of connections",
};

/** Those that cannot be turned off, and why. */
const ALWAYS_ON: Readonly<Record<string, string>> = {
  connect: "it has no routes, and its requests are those of http",
  restify: "its requests and routes are those of http",
  router: "it goes with express",
  "runtime-node": "the runtime is always measured",
};

/**
 * Which libraries are watched: all, or those in `OTEL_NODE_ENABLED_INSTRUMENTATIONS`, less those in
 * `OTEL_NODE_DISABLED_INSTRUMENTATIONS`. Names that cannot be meant are faults.
 */
export function readInstrumentations(env: EnvReader): (name: string) => boolean {
  const enabled = readNames(env, "OTEL_NODE_ENABLED_INSTRUMENTATIONS", NEVER_ON, ALWAYS_ON);
  const disabled = readNames(env, "OTEL_NODE_DISABLED_INSTRUMENTATIONS", ALWAYS_ON, NEVER_ON);
  return (name) => (enabled?.includes(name) ?? true) && !(disabled?.includes(name) ?? false);
}

function readNames(
  env: EnvReader,
  variable: string,
  inVain: Readonly<Record<string, string>>,
  asItIs: Readonly<Record<string, string>>,
): string[] | undefined {
  const names = env.list(variable);
  for (const name of names ?? []) {
    if (SWITCHES.includes(name) || name in asItIs) continue;
    const why = inVain[name];
    env.fault(
      why === undefined
        ? `${variable} names "${name}"; known are ${SWITCHES.join(", ")}. It is left out.`
        : `${variable} names "${name}", which has no effect: ${why}.`,
    );
  }
  return names;
}

const SWITCHES: readonly string[] = [...OWN, ...CONTRIB.map(({ instrumentation }) => instrumentation)].sort();
