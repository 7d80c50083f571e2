import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a replica is started with. */
export interface ReplicaSpec {
  readonly service: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string>>;
}

/** One process of a service. */
export interface Replica {
  readonly pid: number;
  readonly port: number;
  /** Requests that the proxy has given it and that are not answered yet. */
  inFlight: number;
  readonly isAlive: boolean;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** Asks it to end, and kills it when it has not within the time. Only ever this process. */
  stop(graceMs: number): Promise<void>;
}

const STARTUP_MS = 15_000;
const shopFolder = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Starts a service under the agent and waits until it listens.
 *
 * @throws {Error} when the process ends or says nothing within 15 s; it is then gone
 */
export async function startReplica({ service, version, env }: ReplicaSpec): Promise<Replica> {
  const child = fork(fileURLToPath(new URL(`../${service}.js`, import.meta.url)), [], {
    cwd: shopFolder,
    execArgv: ["--import", "@tocsin/agent/register"],
    env: { ...process.env, ...env, OTEL_SERVICE_NAME: service, SERVICE_VERSION: version },
    // The services' logs go to the collector; on the terminal they would bury the story.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const lastWords = tailOf(child);
  const exited = once(child, "exit").then(() => undefined);
  const port = await listeningPort(child, exited, `${service} ${version}`, lastWords);
  return {
    pid: child.pid ?? 0,
    port,
    inFlight: 0,
    exited,
    get isAlive() {
      return child.exitCode === null && child.signalCode === null;
    },
    async stop(graceMs) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** The end of what the process wrote to stderr: why it could not start. */
function tailOf(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-2_000);
  });
  return () => tail.trim();
}

function listeningPort(
  child: ChildProcess,
  exited: Promise<void>,
  what: string,
  lastWords: () => string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${what} did not listen within ${STARTUP_MS / 1_000} s.`));
    }, STARTUP_MS);
    child.on("message", (message: { kind?: string; port?: number }) => {
      if (message.kind !== "listening" || message.port === undefined) return;
      clearTimeout(timer);
      resolve(message.port);
    });
    void exited.then(() => {
      clearTimeout(timer);
      reject(new Error(`${what} ended before it listened (exit code ${child.exitCode}): ${lastWords()}`));
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
