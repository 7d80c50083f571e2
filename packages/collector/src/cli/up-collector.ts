import { resolve } from "node:path";
import { systemClock } from "@tocsin/model";
import { formatProblem } from "@tocsin/model/config";
import { type Bound, startCollector } from "../collector.js";
import { baseFolder } from "../config/file-pattern.js";
import { configError, sourceOf } from "../config/load.js";
import { Mode, type Parts } from "../config/mode.js";
import type { CollectorConfig } from "../config/schema.js";
import { loadSetup, type Setup } from "../config/setup.js";
import { printableUrl } from "../export/endpoint.js";
import { urlOf } from "../parts/api.js";
import { forwardTargets } from "../parts/forward-targets.js";
import { VERSION } from "../version.js";
import { type CommandIo, ExitCode, UsageError } from "./command.js";
import { portFlag } from "./flags.js";
import { createLogger } from "./logger.js";
import type { UpFlags } from "./up.js";

/**
 * Starts a collector and keeps it until the command is told to end.
 *
 * @throws {UsageError} on a flag that cannot be
 * @throws {CollectorError} CONFIG_INVALID, CONFIG_UNREADABLE, and what keeps a collector from starting
 */
export async function runCollector(flags: UpFlags, io: CommandIo): Promise<number> {
  const setup = await readSetup(flags, io);
  const dataDir = resolve(io.cwd, flags.data ?? ".tocsin");
  const logger = createLogger(io);
  const collector = await startCollector({
    setup,
    readSetup: (running) => readSetup(flags, io, running),
    env: io.env,
    dataDir,
    clock: systemClock,
    logger,
  });
  if (flags.json) announceJson(collector.bound, dataDir, io);
  else io.out(`${announcement(collector.bound, setup, dataDir)}\n`);
  // What is wrong is logged by the collector, which goes on with what it has.
  io.onReload(() => void collector.reload().catch(() => {}));
  await aborted(io.signal);
  await collector.close();
  return ExitCode.good;
}

/**
 * Reads the configuration with everything it names; warnings are told, faults end the command.
 *
 * @throws {CollectorError} CONFIG_INVALID, CONFIG_UNREADABLE
 */
async function readSetup(flags: UpFlags, io: CommandIo, running?: Parts): Promise<Setup> {
  const file = flags.config === undefined ? undefined : resolve(io.cwd, flags.config);
  const mode = flags.mode === undefined ? undefined : readMode(flags.mode);
  const loading = loadSetup(file, baseFolder(file, io.cwd), io.env, { mode, running });
  const { setup, problems, sources } = await loading;
  if (!setup) throw configError(problems, sources);
  for (const problem of problems) io.err(`${formatProblem(problem, sourceOf(problem, sources))}\n`);
  return { ...setup, config: withFlags(setup.config, flags) };
}

/** Flags win over the file. */
function withFlags(config: CollectorConfig, flags: UpFlags): CollectorConfig {
  const { listen } = config;
  const port = (name: "otlp-http-port" | "otlp-grpc-port" | "port", configured: number) =>
    portFlag(name, flags[name]) ?? configured;
  return {
    ...config,
    reload_on_change: flags.watch ?? config.reload_on_change,
    forward: { ...config.forward, endpoints: flags.forward ?? config.forward.endpoints },
    listen: {
      ...listen,
      otlp_http: { ...listen.otlp_http, port: port("otlp-http-port", listen.otlp_http.port) },
      otlp_grpc: {
        ...listen.otlp_grpc,
        port: port("otlp-grpc-port", listen.otlp_grpc.port),
      },
      api: { ...listen.api, port: port("port", listen.api.port) },
    },
  };
}

function readMode(text: string): Mode {
  const mode = Mode.safeParse(text);
  if (mode.success) return mode.data;
  throw new UsageError(`--mode ${text} is not a mode. Write one of: ${Mode.options.join(", ")}.`);
}

function announceJson(bound: Bound, dataDir: string, io: CommandIo): void {
  const ports = {
    port: bound.api.port,
    otlpHttpPort: bound.otlpHttp.port,
    otlpGrpcPort: bound.otlpGrpc.port,
  };
  io.out(
    `${JSON.stringify({ version: VERSION, pid: process.pid, data: dataDir, url: urlOf(bound.api), ...ports, ...bound })}\n`,
  );
}

/** What was started, in one line: a collector that does not watch has no page and keeps nothing, so it says where data goes. */
export function announcement(bound: Bound, { config, parts }: Setup, dataDir: string): string {
  const url = urlOf(bound.api);
  const targets = forwardTargets(config).flatMap(({ config: { endpoints } }) => endpoints.slice(0, 1));
  return [
    config.mode === "standalone" ? `Tocsin ${VERSION}` : `Tocsin ${VERSION} ${config.mode}`,
    parts.watch ? `page ${url}` : `services ${url}/api/v1/services`,
    `OTLP ${bound.otlpGrpc.port}/${bound.otlpHttp.port}`,
    ...(config.mode === "sidecar" && targets.length > 0
      ? [`forwards to ${targets.map(withoutCredentials).join(", ")}`]
      : []),
    `data ${dataDir}`,
  ].join(" · ");
}

function withoutCredentials(address: string): string {
  return printableUrl(new URL(address));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
