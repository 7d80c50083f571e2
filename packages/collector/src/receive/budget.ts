import { Refusal } from "./refusal.js";

export interface BudgetLimits {
  readonly maxInFlightBytes: number;
  readonly maxInFlightBytesPerSender: number;
}

/** Bytes reserved for one request; grows while its body comes in. */
export interface Reservation {
  /** @throws {Refusal} overload, sender_overload: then nothing more is reserved */
  add(bytes: number): void;
  /** Gives everything back. Calling it again does nothing. */
  release(): void;
}

/** Bounds the memory of requests in flight, in all and by sender. */
export class Budget {
  readonly #limits: BudgetLimits;
  readonly #bySender = new Map<string, number>();
  #inFlight = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  get inFlightBytes(): number {
    return this.#inFlight;
  }

  reserve(sender: string): Reservation {
    let reserved = 0;
    return {
      add: (bytes) => {
        const ofSender = this.#bySender.get(sender) ?? 0;
        if (this.#inFlight + bytes > this.#limits.maxInFlightBytes) {
          throw new Refusal(
            "overload",
            `The collector is receiving ${this.#inFlight} bytes at once, its limit is ${this.#limits.maxInFlightBytes}. Send again later.`,
          );
        }
        if (ofSender + bytes > this.#limits.maxInFlightBytesPerSender) {
          throw new Refusal(
            "sender_overload",
            `You are sending ${ofSender} bytes at once, the limit for one sender is ${this.#limits.maxInFlightBytesPerSender}. Send fewer requests in parallel.`,
          );
        }
        reserved += bytes;
        this.#inFlight += bytes;
        this.#bySender.set(sender, ofSender + bytes);
      },
      release: () => {
        if (reserved === 0) return;
        this.#inFlight -= reserved;
        const rest = (this.#bySender.get(sender) ?? 0) - reserved;
        if (rest > 0) this.#bySender.set(sender, rest);
        else this.#bySender.delete(sender);
        reserved = 0;
      },
    };
  }
}
