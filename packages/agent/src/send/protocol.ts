import type { MessagePort } from "node:worker_threads";
import type { Redaction } from "../http/redact-url.js";
import type { LogLines } from "../logs/log-lines.js";

/** The three signals, as their OTLP paths name them. */
export const SIGNALS = ["traces", "metrics", "logs"] as const;
export type Signal = (typeof SIGNALS)[number];

/** Why telemetry was given up. */
export const DROP_REASONS = ["invalid", "queue_full", "rejected", "unreachable", "worker_lost"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Where one signal goes and how. */
export interface Destination {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly isGzip: boolean;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** How many attributes a record may have, and how long their text may be. */
export interface AttributeLimits {
  readonly attributeCount: number;
  readonly attributeValueLength: number;
}

/** What the worker is started with. */
export interface SenderInit {
  readonly kind: "tocsin-sender";
  readonly destinations: Readonly<Record<Signal, Destination | undefined>>;
  /** `Resource` message, encoded. */
  readonly resource: Uint8Array;
  /** `InstrumentationScope` message of the agent's own log records, encoded. */
  readonly logScope: Uint8Array;
  readonly logLimits: AttributeLimits;
  /** Names that are secret in log lines, beyond those known as such, and names that are not. */
  readonly redaction: Redaction;
  readonly shared: SharedArrayBuffer;
  readonly notes: MessagePort;
}

/** Encoded spans of one scope. */
export interface ScopeSpansPart {
  /** `InstrumentationScope` message, encoded. */
  readonly scope: Uint8Array;
  readonly spans: Uint8Array;
  readonly schemaUrl: string | undefined;
}

/** Main thread to worker. `bytes` is what the message counts in {@link Shared.pendingBytes}. */
export type ToWorker =
  | { readonly kind: "spans"; readonly scopes: readonly ScopeSpansPart[]; count: number; bytes: number }
  | { readonly kind: "metrics"; readonly body: Uint8Array; count: number; bytes: number }
  | { readonly kind: "logs"; readonly logs: LogLines; count: number; bytes: number }
  | { readonly kind: "logRecords"; readonly body: Uint8Array; count: number; bytes: number }
  | { readonly kind: "flush"; readonly ticket: number; readonly deadlineMs: number };

/** What the report is told, by the worker or of it: facts, worded where they are printed. */
export type Note =
  | { readonly kind: "overflowed"; readonly signal: Signal }
  | { readonly kind: "crashed"; readonly signal: Signal; readonly why: string; readonly isLast: boolean }
  | { readonly kind: "connected"; readonly signal: Signal; readonly ms: number }
  | { readonly kind: "unreachable"; readonly signal: Signal; readonly why: string; readonly retryMs: number }
  | { readonly kind: "rejected"; readonly signal: Signal; readonly why: string; readonly count: number }
  | { readonly kind: "recovered"; readonly signal: Signal; readonly afterMs: number };

/** Numbers that both threads see. Written with `Atomics`; counts wrap at 2^32. */
export class Shared {
  private readonly cells: Int32Array<SharedArrayBuffer>;
  readonly buffer: SharedArrayBuffer;

  constructor(buffer = new SharedArrayBuffer(4 * (FIRST_DROP + SIGNALS.length * DROP_REASONS.length))) {
    this.buffer = buffer;
    this.cells = new Int32Array(buffer);
  }

  /** Bytes handed to the worker and neither delivered nor given up yet. */
  get pendingBytes(): number {
    return Atomics.load(this.cells, PENDING);
  }

  addPending(bytes: number): void {
    Atomics.add(this.cells, PENDING, bytes);
  }

  resetPending(): void {
    Atomics.store(this.cells, PENDING, 0);
  }

  /** The last flush that is done. */
  get flushed(): number {
    return Atomics.load(this.cells, FLUSHED);
  }

  setFlushed(ticket: number): void {
    Atomics.store(this.cells, FLUSHED, ticket);
    Atomics.notify(this.cells, FLUSHED);
  }

  /** Blocks until flush `ticket` is done or the time is over. */
  waitFlushed(ticket: number, timeoutMs: number): boolean {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      const seen = this.flushed;
      if (seen >= ticket) return true;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) return false;
      Atomics.wait(this.cells, FLUSHED, seen, leftMs);
    }
  }

  drop(signal: Signal, reason: DropReason, count: number): void {
    Atomics.add(this.cells, dropIndex(signal, reason), count);
  }

  dropped(signal: Signal, reason: DropReason): number {
    return Atomics.load(this.cells, dropIndex(signal, reason)) >>> 0;
  }

  droppedInAll(): number {
    let sum = 0;
    for (const signal of SIGNALS) for (const reason of DROP_REASONS) sum += this.dropped(signal, reason);
    return sum;
  }

  delivered(signal: Signal): number {
    return Atomics.load(this.cells, FIRST_DELIVERED + SIGNALS.indexOf(signal)) >>> 0;
  }

  /** Items that the worker is done with, one way or another. */
  settled(signal: Signal): number {
    const dropped = (["rejected", "unreachable", "worker_lost"] as const).map((why) =>
      this.dropped(signal, why),
    );
    return dropped.reduce((sum, count) => sum + count, this.delivered(signal));
  }

  deliver(signal: Signal, count: number): void {
    Atomics.add(this.cells, FIRST_DELIVERED + SIGNALS.indexOf(signal), count);
  }
}

const PENDING = 0;
const FLUSHED = 1;
const FIRST_DELIVERED = 2;
const FIRST_DROP = FIRST_DELIVERED + SIGNALS.length;

function dropIndex(signal: Signal, reason: DropReason): number {
  return FIRST_DROP + SIGNALS.indexOf(signal) * DROP_REASONS.length + DROP_REASONS.indexOf(reason);
}
