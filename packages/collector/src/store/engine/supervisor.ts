import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import {
  type Cancel,
  type Clock,
  every,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
} from "@tocsin/model";
import { CollectorError } from "../../errors.js";
import { engineAvailability } from "./availability.js";
import { type ChildOrders, parseMessage } from "./protocol.js";

/** Where the engine answers at the moment; both change with every restart. */
export interface EngineEndpoint {
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

/** What the supervisor knows of its child, for status pages. */
export interface EngineStatus {
  readonly state: "starting" | "running" | "backing-off" | "closed";
  readonly pid: number | undefined;
  readonly version: string | undefined;
  /** Times that the engine had to be started again. */
  readonly restarts: number;
  /** Why it ended the last time; undefined when it never did. */
  readonly lastError: string | undefined;
}

export interface EngineOptions {
  /** Folder of the engine; made when missing. */
  readonly directory: string;
  /** Limit of the engine's memory; its own default would be most of the machine. Default 1 GiB. */
  readonly maxMemoryBytes?: number;
  /** Default 64 MiB. */
  readonly markCacheBytes?: number;
  /** Reads at the same time. Default 3. */
  readonly readSessions?: number;
  /** Inserts and schema changes at the same time. Default 2. */
  readonly writeSessions?: number;
  /** Time limit of statements that bring none, in seconds. Default 30. */
  readonly defaultExecutionSeconds?: number;
  /** Password of the engine's HTTP shell. By default a new one at every start, which only this process knows. */
  readonly secret?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

const START_LIMIT_MS = 120_000;
const PING_PERIOD_MS = 5_000;
const PING_LIMIT_MS = 10_000;
const PINGS_MISSED = 3;
const BACK_OFF_FIRST_MS = 250;
const BACK_OFF_MOST_MS = 30_000;
/** An engine that ran this long begins with a short back-off again. */
const HEALTHY_MS = 60_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Keeps the embedded engine running: starts it as a child process, asks it every few seconds whether it still answers,
 * and starts it again with growing pauses when it crashed, was killed or hangs. Whoever uses the engine asks `endpoint`
 * before each request and treats "none at the moment" as a reason to try again later.
 */
export class EngineSupervisor {
  readonly #options: EngineOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #child: Child | undefined;
  #endpoint: EngineEndpoint | undefined;
  #state: EngineStatus["state"] = "starting";
  #version: string | undefined;
  #restarts = 0;
  #lastError: string | undefined;
  #backOffMs = BACK_OFF_FIRST_MS;
  #startedAtMs = 0;
  #cancelRestart: Cancel = () => {};
  #cancelPings: Cancel = () => {};
  #closing: Promise<void> | undefined;
  readonly #waiting = new Set<() => void>();

  private constructor(options: EngineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  /**
   * Starts the engine and waits until it answers.
   *
   * @throws {CollectorError} STORE_ENGINE_UNAVAILABLE when it cannot be loaded here, or does not start
   */
  static async start(options: EngineOptions): Promise<EngineSupervisor> {
    const availability = engineAvailability();
    if (!availability.available) {
      throw new CollectorError("STORE_ENGINE_UNAVAILABLE", `${availability.message} ${availability.cure}`);
    }
    const supervisor = new EngineSupervisor(options);
    await mkdir(options.directory, { recursive: true });
    try {
      await supervisor.#launch();
    } catch (error) {
      await supervisor.close();
      throw new CollectorError(
        "STORE_ENGINE_UNAVAILABLE",
        `The embedded engine did not start in ${options.directory}: ${messageOf(error)}`,
        { cause: error },
      );
    }
    return supervisor;
  }

  /** Where the engine answers; undefined while it is being started again. */
  get endpoint(): EngineEndpoint | undefined {
    return this.#endpoint;
  }

  status(): EngineStatus {
    return {
      state: this.#state,
      pid: this.#child?.pid,
      version: this.#version,
      restarts: this.#restarts,
      lastError: this.#lastError,
    };
  }

  /** Resolves at the next change of state, or when the engine runs already. */
  async whenRunning(): Promise<void> {
    while (this.#state !== "running" && this.#state !== "closed") {
      await new Promise<void>((done) => this.#waiting.add(done));
    }
  }

  /** Lets the engine end what it is doing (a few seconds at most) and waits until the process is gone. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#cancelRestart();
    this.#cancelPings();
    this.#endpoint = undefined;
    const child = this.#child;
    this.#become("closed");
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((gone) => {
      child.once("exit", () => gone());
      child.stdin.end();
    });
  }

  async #launch(): Promise<void> {
    this.#become("starting");
    const secret = this.#options.secret ?? randomBytes(32).toString("base64url");
    const orders = ordersOf(this.#options, secret);
    const threads = orders.readSessions + orders.writeSessions + 5;
    const child = spawn(process.execPath, [childEntry()], {
      stdio: ["pipe", "pipe", "pipe"],
      // Each running statement holds one thread of the child's pool.
      env: { ...process.env, NODE_OPTIONS: "", UV_THREADPOOL_SIZE: String(threads) },
    });
    this.#child = child;
    child.stdin.on("error", () => {});
    child.stdin.write(`${JSON.stringify(orders)}\n`);
    const lastWords = collectLastWords(child.stderr);
    let failure: string | undefined;
    const ready = new Promise<{ port: number; version: string }>((resolveReady, rejectReady) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const message = parseMessage(line);
        if (message?.kind === "ready") resolveReady(message);
        if (message?.kind === "failed") failure = message.message;
      });
      child.once("error", (error) => rejectReady(error));
      child.once("exit", (code, signal) => {
        const reason = failure ?? exitReason(code, signal, lastWords());
        rejectReady(new Error(reason));
        this.#ended(child, reason);
      });
    });
    const cancelLimit = this.#clock.after(START_LIMIT_MS, () => child.kill("SIGKILL"));
    try {
      const { port, version } = await ready;
      this.#endpoint = { url: `http://127.0.0.1:${port}`, username: "default", password: secret };
      this.#version = version;
      this.#startedAtMs = this.#clock.now();
      this.#watch(child);
      this.#become("running");
      this.#logger.info({ pid: child.pid, version, restarts: this.#restarts }, "engine running");
    } finally {
      cancelLimit();
    }
  }

  /** Kills an engine that has stopped answering; its end then starts it again. */
  #watch(child: Child): void {
    let missed = 0;
    this.#cancelPings = every(this.#clock, PING_PERIOD_MS, async () => {
      const endpoint = this.#endpoint;
      if (!endpoint || child !== this.#child) return;
      missed = (await answers(endpoint)) ? 0 : missed + 1;
      if (missed < PINGS_MISSED) return;
      this.#lastError = `It did not answer ${PINGS_MISSED} times in a row.`;
      child.kill("SIGKILL");
    });
  }

  #ended(child: Child, reason: string): void {
    if (child !== this.#child) return;
    this.#cancelPings();
    this.#endpoint = undefined;
    this.#child = undefined;
    if (this.#state === "closed") return;
    const wasRunning = this.#state === "running";
    this.#lastError = reason;
    if (!wasRunning && this.#restarts === 0 && this.#version === undefined) return;
    if (wasRunning && this.#clock.now() - this.#startedAtMs >= HEALTHY_MS)
      this.#backOffMs = BACK_OFF_FIRST_MS;
    this.#become("backing-off");
    this.#logger.error({ reason, retryInMs: this.#backOffMs }, "engine ended; it will be started again");
    this.#cancelRestart = this.#clock.after(this.#backOffMs, () => {
      this.#restarts += 1;
      // A failed start ends in `#ended` as well, which plans the next one.
      this.#launch().catch(() => {});
    });
    this.#backOffMs = Math.min(this.#backOffMs * 2, BACK_OFF_MOST_MS);
  }

  #become(state: EngineStatus["state"]): void {
    this.#state = state;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

function ordersOf(options: EngineOptions, secret: string): ChildOrders {
  return {
    directory: resolve(options.directory),
    secret,
    readSessions: options.readSessions ?? 3,
    writeSessions: options.writeSessions ?? 2,
    maxMemoryBytes: options.maxMemoryBytes ?? 1 << 30,
    markCacheBytes: options.markCacheBytes ?? 64 << 20,
    defaultExecutionSeconds: options.defaultExecutionSeconds ?? 30,
  };
}

/** The compiled entry of the child; from the sources (tests) it is the one of the last build. */
function childEntry(): string {
  const here = fileURLToPath(new URL("./child.js", import.meta.url));
  return here.replace(join("collector", "src", "store"), join("collector", "dist", "store"));
}

/** The end of what a stream said. */
function collectLastWords(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-2_000);
  });
  return () => text.trim();
}

function exitReason(code: number | null, signal: NodeJS.Signals | null, lastWords: string): string {
  const end = signal
    ? `It was ended by ${signal}${signal === "SIGKILL" ? " (by hand, or by the system for want of memory)" : ""}.`
    : `It ended with code ${code}.`;
  return lastWords === "" ? end : `${end} Its last words: ${lastWords}`;
}

/** Whether the engine runs a statement, not merely accepts connections. */
async function answers(endpoint: EngineEndpoint): Promise<boolean> {
  try {
    const response = await fetch(`${endpoint.url}/health`, {
      headers: { "X-ClickHouse-Key": endpoint.password },
      signal: AbortSignal.timeout(PING_LIMIT_MS),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
