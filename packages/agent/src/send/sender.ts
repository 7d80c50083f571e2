import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { Redaction } from "../http/redact-url.js";
import type { LogLines } from "../logs/log-lines.js";
import {
  type AttributeLimits,
  type Destination,
  type Note,
  type ScopeSpansPart,
  Shared,
  type Signal,
  type ToWorker,
} from "./protocol.js";

/** What a sender needs. */
export interface SenderDeps {
  readonly destinations: Readonly<Record<Signal, Destination | undefined>>;
  readonly resource: Uint8Array;
  readonly logScope: Uint8Array;
  readonly logLimits: AttributeLimits;
  readonly redaction: Redaction;
  /** Bytes that may wait for the collector in all; what comes on top is dropped and counted. */
  readonly limitBytes: number;
  readonly note: (note: Note) => void;
  /** The thread's compiled file; else the one beside the agent's. */
  readonly workerUrl?: URL;
}

/**
 * Hands encoded telemetry to a worker thread that delivers it.
 *
 * The thread is started with the first request unless `start()` has been called, never keeps the process alive, and is started
 * again should it crash. Because it works on while the main thread waits, telemetry can be flushed from within an `exit` handler.
 */
export class Sender {
  readonly shared = new Shared();
  private readonly deps: SenderDeps;
  private worker: Worker | undefined;
  private notes: MessagePort | undefined;
  private ticket = 0;
  private restarts = 0;
  private unsent: Record<Signal, number> = { traces: 0, metrics: 0, logs: 0 };
  private isStopped = false;

  constructor(deps: SenderDeps) {
    this.deps = deps;
  }

  /** Starts the thread before there is anything to send, if there ever will be. */
  start(): void {
    if (Object.values(this.deps.destinations).some((destination) => destination !== undefined))
      this.ensureWorker();
  }

  /** Takes bytes that have a buffer of their own each; they are gone from this thread afterwards. */
  postSpans(scopes: readonly ScopeSpansPart[], count: number): void {
    const bytes = scopes.reduce((sum, { spans, scope }) => sum + spans.length + scope.length, 0);
    const buffers = scopes.map(({ spans }) => spans.buffer as ArrayBuffer);
    this.post("traces", { kind: "spans", scopes, count, bytes }, buffers);
  }

  postMetrics(body: Uint8Array<ArrayBuffer>, count: number): void {
    this.post("metrics", { kind: "metrics", body, count, bytes: body.length }, [body.buffer]);
  }

  postLogs(logs: LogLines): void {
    const { bytes, count } = logs;
    this.post("logs", { kind: "logs", logs, count, bytes: bytes.length }, [bytes.buffer]);
  }

  postLogRecords(body: Uint8Array<ArrayBuffer>, count: number): void {
    this.post("logs", { kind: "logRecords", body, count, bytes: body.length }, [body.buffer]);
  }

  /** Delivers what was handed over, or gives it up when the time is over. The event loop goes on. */
  async flush(timeoutMs: number): Promise<void> {
    const ticket = this.askFlush(timeoutMs);
    if (ticket === undefined) return;
    const endMs = performance.now() + timeoutMs;
    while (this.shared.flushed < ticket && performance.now() < endMs)
      await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** The same with the event loop stopped, for `exit` handlers, where nothing asynchronous happens any more. */
  flushSync(timeoutMs: number): void {
    const ticket = this.askFlush(timeoutMs);
    if (ticket === undefined) return;
    this.shared.waitFlushed(ticket, timeoutMs);
    this.drainNotes();
  }

  /** Ends the thread; what is posted afterwards is dropped. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.drainNotes();
    this.notes?.close();
    await this.worker?.terminate();
    this.worker = undefined;
  }

  private askFlush(timeoutMs: number): number | undefined {
    if (this.worker === undefined) return undefined;
    const ticket = ++this.ticket;
    this.worker.postMessage({
      kind: "flush",
      ticket,
      deadlineMs: timeoutMs - FLUSH_MARGIN_MS,
    } satisfies ToWorker);
    return ticket;
  }

  private post(signal: Signal, message: Exclude<ToWorker, { kind: "flush" }>, transfer: ArrayBuffer[]): void {
    if (this.deps.destinations[signal] === undefined) return;
    if (this.isStopped || this.shared.pendingBytes + message.bytes > this.deps.limitBytes) {
      this.shared.drop(signal, "queue_full", message.count);
      if (!this.isStopped) this.deps.note({ kind: "overflowed", signal });
      return;
    }
    const worker = this.ensureWorker();
    if (worker === undefined) {
      this.shared.drop(signal, "worker_lost", message.count);
      return;
    }
    this.shared.addPending(message.bytes);
    this.unsent[signal] += message.count;
    worker.postMessage(message, transfer);
  }

  private ensureWorker(): Worker | undefined {
    if (this.worker !== undefined) return this.worker;
    if (this.restarts > RESTARTS_MAX) return undefined;
    try {
      return this.startWorker();
    } catch (error) {
      // Node's permission model may forbid threads, and the machine may have none left.
      this.restarts = RESTARTS_MAX + 1;
      const why = error instanceof Error ? error.message : String(error);
      this.deps.note({ kind: "crashed", signal: "traces", why, isLast: true });
      return undefined;
    }
  }

  private startWorker(): Worker {
    const { port1, port2 } = new MessageChannel();
    const { destinations, resource, logScope, logLimits, redaction, workerUrl } = this.deps;
    const worker = new Worker(workerUrl ?? new URL("./worker.cjs", import.meta.url), {
      name: "tocsin",
      // The process's own flags would load the agent, and whatever else, into this thread too.
      execArgv: [],
      env: withoutNodeOptions(process.env),
      workerData: {
        kind: "tocsin-sender",
        destinations,
        resource,
        logScope,
        logLimits,
        redaction,
        shared: this.shared.buffer,
        notes: port2,
      },
      transferList: [port2],
      stdin: false,
      stdout: false,
      stderr: false,
      // What it makes is short-lived and small; a larger young generation would only be memory that is touched.
      resourceLimits: { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 1 },
    });
    worker.unref();
    let why = "it ended by itself";
    worker.on("error", (error: unknown) => {
      why = error instanceof Error ? error.message : String(error);
    });
    worker.on("exit", () => this.lost(worker, why));
    port1.on("message", (note: Note) => this.deps.note(note));
    port1.unref();
    this.notes = port1;
    this.worker = worker;
    return worker;
  }

  /** The thread crashed: what it held is gone and counted, the next request starts another one. */
  private lost(worker: Worker, why: string): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    this.restarts++;
    for (const signal of ["traces", "metrics", "logs"] as const) {
      const settled = this.shared.settled(signal);
      const held = this.unsent[signal] - settled;
      if (held > 0) this.shared.drop(signal, "worker_lost", held);
    }
    this.shared.resetPending();
    this.shared.setFlushed(this.ticket);
    if (!this.isStopped)
      this.deps.note({ kind: "crashed", signal: "traces", why, isLast: this.restarts > RESTARTS_MAX });
  }

  private drainNotes(): void {
    if (this.notes === undefined) return;
    for (;;) {
      const received = receiveMessageOnPort(this.notes);
      if (received === undefined) return;
      this.deps.note(received.message as Note);
    }
  }
}

/** A crash now and then is survived; a thread that cannot live is not started for ever. */
const RESTARTS_MAX = 20;
/** What the worker is left to answer within before the waiting side gives up. */
const FLUSH_MARGIN_MS = 50;

function withoutNodeOptions(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...rest } = env;
  return rest;
}
