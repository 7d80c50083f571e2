import type { Cancel, Clock } from "@tocsin/model";
import { Refusal } from "./refusal.js";

export interface AdmissionLimits {
  readonly maxInFlightBytes: number;
  readonly maxInFlightBytesPerSender: number;
  /** Requests that may wait for room at once; the next one is refused. */
  readonly maxWaiting: number;
  /** How long one waits before it is refused; 0 refuses at once. */
  readonly maxWaitMs: number;
}

/** What stands behind intake and may have no room either: the spool, and those who work off what it holds. */
export interface Backpressure {
  /**
   * Why no more can be taken at the moment; undefined when it can.
   *
   * @param inFlightBytes already let in and not appended yet
   * @param bytes         of the request that asks
   */
  holdUp(inFlightBytes: number, bytes: number): "spool_full" | "behind" | undefined;
  /** Calls `listener` whenever that may have changed for the better; returns how to stop. */
  onRelief(listener: () => void): () => void;
}

/** Bytes reserved for one request; grows while its body comes in. */
export interface Reservation {
  /**
   * Resolves when there is room for `bytes`; to be asked before a body is read. Waiting costs nearly nothing and slows
   * the sender down by itself, because what it sends stays in the buffers of the network.
   *
   * @throws {Refusal} overload, sender_overload, spool_full, behind: there was none in time
   */
  admit(bytes: number): Promise<void>;
  /** More than was asked for. @throws {Refusal} overload, sender_overload: then nothing more is reserved */
  add(bytes: number): void;
  /** Gives everything back. Calling it again does nothing. */
  release(): void;
}

type HoldUp = "overload" | "sender_overload" | "spool_full" | "behind";

interface Waiting {
  readonly bytes: number;
  readonly letIn: () => void;
}

/**
 * Lets requests in, as many at once as there is memory, disk and time to work them off. The others wait, for a short
 * while and by turns of their senders, so that one that sends much does not crowd out the rest. Refusing comes last: a
 * sender that is refused sends the same bytes again, and an overloaded collector that reads them twice gets less done.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #backpressure: Backpressure | undefined;
  readonly #inFlightBySender = new Map<string, number>();
  /** By sender, the one whose turn is next first. */
  readonly #queues = new Map<string, Waiting[]>();
  #inFlight = 0;
  #waiting = 0;
  readonly #stopListening: () => void;

  constructor(limits: AdmissionLimits, clock: Clock, backpressure?: Backpressure) {
    this.#limits = limits;
    this.#clock = clock;
    this.#backpressure = backpressure;
    this.#stopListening = backpressure?.onRelief(() => this.#serve()) ?? (() => {});
  }

  get inFlightBytes(): number {
    return this.#inFlight;
  }

  /** Requests that wait for room. */
  get waiting(): number {
    return this.#waiting;
  }

  reserve(sender: string): Reservation {
    let reserved = 0;
    const take = (bytes: number): void => {
      reserved += bytes;
      this.#inFlight += bytes;
      this.#inFlightBySender.set(sender, (this.#inFlightBySender.get(sender) ?? 0) + bytes);
    };
    return {
      admit: (bytes) => this.#admit(sender, bytes, () => take(bytes)),
      add: (bytes) => {
        const reason = this.#overLimit(sender, bytes);
        if (reason) throw this.#refusal(reason, sender);
        take(bytes);
      },
      release: () => {
        if (reserved === 0) return;
        this.#inFlight -= reserved;
        const rest = (this.#inFlightBySender.get(sender) ?? 0) - reserved;
        if (rest > 0) this.#inFlightBySender.set(sender, rest);
        else this.#inFlightBySender.delete(sender);
        reserved = 0;
        this.#serve();
      },
    };
  }

  /** Hears no more of relief; who waits is let in by releases, or refused in time. */
  close(): void {
    this.#stopListening();
  }

  #admit(sender: string, bytes: number, take: () => void): Promise<void> {
    if (this.#waiting === 0 && this.#holdUp(sender, bytes) === undefined) {
      take();
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      let isIn = false;
      let cancelTimer: Cancel = () => {};
      const waiting: Waiting = {
        bytes,
        letIn: () => {
          isIn = true;
          cancelTimer();
          take();
          resolve();
        },
      };
      const giveUp = (): void => {
        const reason = this.#holdUp(sender, bytes) ?? "overload";
        reject(this.#refusal(reason, sender));
        this.#leave(sender, waiting);
        // It may have been what the others waited behind.
        this.#serve();
      };
      this.#enter(sender, waiting);
      this.#serve();
      if (isIn) return;
      if (this.#mayWait(sender, bytes)) cancelTimer = this.#clock.after(this.#limits.maxWaitMs, giveUp);
      else giveUp();
    });
  }

  /** Whether it helps to wait, and there is a place for it; one sender gets at most half of them. */
  #mayWait(sender: string, bytes: number): boolean {
    const { maxWaiting, maxWaitMs, maxInFlightBytes, maxInFlightBytesPerSender } = this.#limits;
    const ofSender = this.#queues.get(sender)?.length ?? 0;
    return (
      maxWaitMs > 0 &&
      bytes <= Math.min(maxInFlightBytes, maxInFlightBytesPerSender) &&
      this.#waiting <= maxWaiting &&
      ofSender <= Math.ceil(maxWaiting / 2)
    );
  }

  /** Lets in who fits, one of each sender in turn. */
  #serve(): void {
    // A sender that is served goes to the end of the map, where this loop comes by again.
    for (const [sender, queue] of this.#queues) {
      const [waiting] = queue;
      const reason = this.#holdUp(sender, waiting.bytes);
      // A sender that has its share does not hold up the others; for anything else all wait, or large requests never pass.
      if (reason === "sender_overload") continue;
      if (reason !== undefined) return;
      this.#leave(sender, waiting);
      if (queue.length > 0) {
        this.#queues.delete(sender);
        this.#queues.set(sender, queue);
      }
      waiting.letIn();
    }
  }

  #enter(sender: string, waiting: Waiting): void {
    const queue = this.#queues.get(sender);
    if (queue) queue.push(waiting);
    else this.#queues.set(sender, [waiting]);
    this.#waiting++;
  }

  #leave(sender: string, waiting: Waiting): void {
    const queue = this.#queues.get(sender);
    const index = queue?.indexOf(waiting) ?? -1;
    if (!queue || index < 0) return;
    queue.splice(index, 1);
    this.#waiting--;
    if (queue.length === 0) this.#queues.delete(sender);
  }

  #holdUp(sender: string, bytes: number): HoldUp | undefined {
    return this.#overLimit(sender, bytes) ?? this.#backpressure?.holdUp(this.#inFlight, bytes);
  }

  #overLimit(sender: string, bytes: number): "overload" | "sender_overload" | undefined {
    const { maxInFlightBytes, maxInFlightBytesPerSender } = this.#limits;
    const ofSender = this.#inFlightBySender.get(sender) ?? 0;
    if (ofSender + bytes > maxInFlightBytesPerSender) return "sender_overload";
    return this.#inFlight + bytes > maxInFlightBytes ? "overload" : undefined;
  }

  #refusal(reason: HoldUp, sender: string): Refusal {
    switch (reason) {
      case "overload":
        return new Refusal(
          reason,
          `The collector is receiving ${this.#inFlight} bytes at once, its limit is ${this.#limits.maxInFlightBytes}. Send again later.`,
        );
      case "sender_overload":
        return new Refusal(
          reason,
          `You are sending ${this.#inFlightBySender.get(sender) ?? 0} bytes at once, the limit for one sender is ${this.#limits.maxInFlightBytesPerSender}. Send fewer requests in parallel.`,
        );
      case "spool_full":
        return new Refusal(
          reason,
          "The spool is full: what reads it is slower than what comes in. Send again later.",
        );
      case "behind":
        return new Refusal(
          reason,
          "More comes in than the collector can work off; it finishes what it has first. Send again later.",
        );
    }
  }
}
