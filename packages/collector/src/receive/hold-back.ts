import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@tocsin/model";
import type { Refusal, RefusalReason } from "./refusal.js";

/** Senders are asked to wait at least this long, so that one that does never notices. */
const HOLD_MS = 1_000;
/** Connections go on one after the other, so far apart: it is time for a few large bodies to be read and thrown away. */
const APART_MS = 20;
/** Longer than this none is held: senders give up after about 10 s. */
const MAX_HOLD_MS = 5_000;

const FOR_WANT_OF_ROOM: ReadonlySet<RefusalReason> = new Set([
  "overload",
  "sender_overload",
  "spool_full",
  "behind",
]);

/**
 * Reads nothing more for a while from the connections of senders that were refused for want of room. One that sends again
 * at once, with the same large body, would otherwise cost more than those whose requests are taken; and hundreds of them
 * would keep the collector at reading what it throws away, so the more there are the longer they are held.
 */
export class HoldBack {
  readonly #clock: Clock;
  /** When the next connection may go on. */
  #nextMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called before a refused request is answered. */
  hold(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
    if (!FOR_WANT_OF_ROOM.has(refusal.reason)) return;
    let open = 2;
    const ended = (): void => {
      open--;
      const { socket } = request;
      if (open > 0 || socket.destroyed) return;
      socket.pause();
      const cancel = this.#clock.after(this.#holdMs(), () => {
        socket.removeListener("close", cancel);
        socket.resume();
      });
      socket.once("close", cancel);
    };
    // Both must be over, or the answer, or the rest of the body, would be held back as well.
    if (request.readableEnded) ended();
    else request.once("end", ended);
    if (response.writableFinished) ended();
    else response.once("finish", ended);
  }

  #holdMs(): number {
    const nowMs = this.#clock.now();
    const turnMs = Math.min(Math.max(this.#nextMs, nowMs + HOLD_MS), nowMs + MAX_HOLD_MS);
    this.#nextMs = turnMs + APART_MS;
    return turnMs - nowMs;
  }
}
