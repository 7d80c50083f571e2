import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../bin/tocsin.js", import.meta.url));

/** What `tocsin up --json` prints once it serves. */
export interface Bound {
  readonly pid: number;
  readonly url: string;
  readonly port: number;
  readonly otlpHttpPort: number;
  readonly otlpGrpcPort: number;
}

/** A collector in a process of its own, on free ports, with a data folder of its own. */
export interface CollectorProcess extends Bound {
  readonly child: ChildProcess;
  readonly dataDir: string;
  /** What it said on stderr so far. */
  log(): string;
  /** Ends it with a signal and waits; gives the exit code (null when the signal ended it). */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts the real command and waits until it serves.
 *
 * @param options.dataDir a folder to go on with; without it a new one, removed by `stop`
 */
export async function startProcess(
  options: { args?: readonly string[]; dataDir?: string; env?: Record<string, string> } = {},
): Promise<CollectorProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "tocsin-test-")));
  const ports = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"];
  const child = spawn(
    process.execPath,
    [COMMAND, "up", "--json", "--data", dataDir, ...ports, ...(options.args ?? [])],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
    },
  );
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const line = await Promise.race([
    new Promise<string>((resolve) => createInterface(child.stdout).once("line", resolve)),
    ended.then((code) => {
      throw new Error(`The collector ended with ${code} before it served:\n${log}`);
    }),
  ]);
  const bound = JSON.parse(line) as Bound;
  return {
    ...bound,
    child,
    dataDir,
    log: () => log,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      const code = await ended;
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
      return code;
    },
  };
}
