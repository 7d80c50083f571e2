import type { Outcome } from "./post.js";
import type { Note, Shared, Signal } from "./protocol.js";

/** An encoded request that waits. `pendingBytes` is what it counts towards the agent's cap. */
export interface Parcel {
  /** Its bytes, in parts that follow each other. */
  readonly parts: readonly Uint8Array[];
  readonly count: number;
  readonly pendingBytes: number;
}

/** What an outbox needs. Time and chance are parameters. */
export interface OutboxDeps {
  readonly signal: Signal;
  readonly shared: Shared;
  readonly note: (note: Note) => void;
  readonly post: (parts: readonly Uint8Array[], timeoutMs?: number) => Promise<Outcome>;
  readonly now: () => number;
  readonly random: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

/**
 * Sends one signal's requests in order, one at a time; what waits is joined, since OTLP requests may be concatenated.
 * Failures that may pass are tried again with full jitter, and not before `Retry-After`.
 */
export class Outbox {
  private readonly deps: OutboxDeps;
  private readonly queue: Parcel[] = [];
  private running: Promise<void> | undefined;
  private attempt = 0;
  private failingSinceMs: number | undefined;
  private isConnected = false;
  private hurry: (() => void) | undefined;

  constructor(deps: OutboxDeps) {
    this.deps = deps;
  }

  add(parcel: Parcel): void {
    this.queue.push(parcel);
    this.running ??= this.run();
  }

  /** Sends what there is, each request tried once more at most, and gives up what fails. */
  async flush(deadlineMs: number): Promise<void> {
    const endMs = this.deps.now() + deadlineMs;
    this.lastChance = endMs;
    this.hurry?.();
    await this.running;
    this.lastChance = undefined;
  }

  private lastChance: number | undefined;

  private async run(): Promise<void> {
    while (this.queue.length > 0) {
      const parcels = this.nextParcels();
      const startedMs = this.deps.now();
      const leftMs = this.lastChance === undefined ? undefined : this.lastChance - startedMs;
      if (leftMs !== undefined && leftMs <= 0) {
        this.giveUp(parcels, "unreachable");
        continue;
      }
      const isLast = this.lastChance !== undefined;
      const answer = this.deps.post(
        parcels.flatMap(({ parts }) => parts),
        leftMs,
      );
      if (!this.isConnected) this.watchSilence(answer, startedMs);
      const outcome = await answer;
      if (outcome.kind === "later") {
        if (isLast) this.giveUp([...parcels, ...this.queue.splice(0)], "unreachable", outcome.why);
        else {
          this.queue.unshift(...parcels);
          await this.pause(outcome.why, outcome.retryAfterMs);
        }
        continue;
      }
      this.attempt = 0;
      if (outcome.kind === "refused") this.giveUp(parcels, "rejected", outcome.why);
      else {
        this.accepted(startedMs);
        this.settle(parcels, outcome.rejected, outcome.why);
      }
    }
    this.running = undefined;
  }

  /** Who starts a service should hear soon of a collector that takes the connection and says nothing. */
  private watchSilence(answer: Promise<Outcome>, startedMs: number): void {
    const { signal, note, wait } = this.deps;
    let isPending = true;
    void answer.then(() => {
      isPending = false;
    });
    void wait(SILENCE_MS).then(() => {
      if (!isPending || this.failingSinceMs !== undefined) return;
      this.failingSinceMs = startedMs;
      note({ kind: "unreachable", signal, why: `no answer within ${SILENCE_MS} ms`, retryMs: 0 });
    });
  }

  private nextParcels(): Parcel[] {
    let size = 0;
    let count = 0;
    for (const { parts } of this.queue) {
      for (const { length } of parts) size += length;
      if (count > 0 && size > REQUEST_BYTES) break;
      count++;
    }
    return this.queue.splice(0, count);
  }

  private accepted(startedMs: number): void {
    const { signal, note, now } = this.deps;
    if (this.failingSinceMs !== undefined)
      note({ kind: "recovered", signal, afterMs: now() - this.failingSinceMs });
    else if (!this.isConnected) note({ kind: "connected", signal, ms: now() - startedMs });
    this.failingSinceMs = undefined;
    this.isConnected = true;
  }

  private settle(parcels: readonly Parcel[], rejected: number, why: string): void {
    const { signal, shared, note } = this.deps;
    const { count, pendingBytes } = totals(parcels);
    shared.addPending(-pendingBytes);
    shared.deliver(signal, Math.max(0, count - rejected));
    if (rejected > 0) {
      shared.drop(signal, "rejected", rejected);
      note({ kind: "rejected", signal, why: why || "no reason given", count: rejected });
    }
  }

  private giveUp(parcels: readonly Parcel[], reason: "rejected" | "unreachable", why?: string): void {
    const { signal, shared, note } = this.deps;
    const { count, pendingBytes } = totals(parcels);
    shared.addPending(-pendingBytes);
    shared.drop(signal, reason, count);
    if (why === undefined) return;
    if (reason === "rejected") note({ kind: "rejected", signal, why, count });
    else if (this.failingSinceMs === undefined) note({ kind: "unreachable", signal, why, retryMs: 0 });
  }

  private async pause(why: string, retryAfterMs: number | undefined): Promise<void> {
    const { signal, note, now, random, wait } = this.deps;
    const ceilingMs = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** this.attempt++);
    // Those who were told the same time should not all come back at once; and no server may ask for years.
    const delayMs =
      retryAfterMs === undefined
        ? Math.max(RETRY_MIN_MS, random() * ceilingMs)
        : Math.max(RETRY_MIN_MS, Math.min(RETRY_AFTER_MAX_MS, retryAfterMs) + random() * RETRY_BASE_MS);
    this.failingSinceMs ??= now();
    note({ kind: "unreachable", signal, why, retryMs: delayMs });
    if (this.lastChance !== undefined) return;
    let isHurried = false;
    const hurried = new Promise<void>((resolve) => {
      this.hurry = () => {
        isHurried = true;
        resolve();
      };
    });
    // Somebody should hear of it while it lasts, also where the collector asks for long waits.
    for (let leftMs = delayMs; leftMs > 0 && !isHurried; leftMs -= TELL_MS) {
      if (leftMs < delayMs) note({ kind: "unreachable", signal, why, retryMs: leftMs });
      await Promise.race([wait(Math.min(leftMs, TELL_MS)), hurried]);
    }
    this.hurry = undefined;
  }
}

/** One request's size when several are joined: well below what collectors take (20 MB is usual). */
const REQUEST_BYTES = 2 << 20;
const RETRY_BASE_MS = 1000;
const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 30_000;
const RETRY_AFTER_MAX_MS = 600_000;
const SILENCE_MS = 5000;
const TELL_MS = 60_000;

function totals(parcels: readonly Parcel[]): { count: number; pendingBytes: number } {
  let count = 0;
  let pendingBytes = 0;
  for (const parcel of parcels) {
    count += parcel.count;
    pendingBytes += parcel.pendingBytes;
  }
  return { count, pendingBytes };
}
