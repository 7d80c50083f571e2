import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@tocsin/model";
import type { Refusal, RefusalReason } from "./refusal.js";

/** Senders are asked to wait at least this long, so that one that does never notices. */
const HOLD_MS = 1_000;

const FOR_WANT_OF_ROOM: ReadonlySet<RefusalReason> = new Set([
  "overload",
  "sender_overload",
  "spool_full",
  "behind",
]);

/**
 * Reads nothing more for a moment from the connection of a sender that was refused for want of room. One that sends again
 * at once, with the same large body, would otherwise cost more than those whose requests are taken.
 */
export function holdBack(
  request: IncomingMessage,
  response: ServerResponse,
  refusal: Refusal,
  clock: Clock,
): void {
  if (!FOR_WANT_OF_ROOM.has(refusal.reason)) return;
  let open = 2;
  const ended = (): void => {
    open--;
    const { socket } = request;
    if (open > 0 || socket.destroyed) return;
    socket.pause();
    const cancel = clock.after(HOLD_MS, () => {
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
