import type { UnixMs } from "@tocsin/model";

export interface GateOptions {
  /** Notifications per second that the destination takes for long. */
  readonly ratePerSecond: number;
  /** How many may go out at once after a quiet time. */
  readonly burst: number;
  /** Failures in a row that open the circuit. */
  readonly failureLimit: number;
  /** How long the circuit stays open before one try is let through; doubles up to 16 times. */
  readonly openForMs: number;
  /** How many tries may be under way at once while the destination is well; one while it is not. */
  readonly maxInFlight: number;
}

/** What a chat service takes for one channel; notifiers of others say what theirs take. */
export const DEFAULT_GATE: GateOptions = {
  ratePerSecond: 1,
  burst: 10,
  failureLimit: 5,
  openForMs: 10_000,
  maxInFlight: 1,
};

/**
 * Rate limit (token bucket) and circuit of one destination. One dead receiver costs one try in a while, and no
 * other receiver waits for it. Pure but for its own counters: time is a parameter.
 */
export class DestinationGate {
  readonly #options: GateOptions;
  #tokens: number;
  #filledAtMs: UnixMs | undefined;
  #failures = 0;
  #inFlight = 0;
  #openedAtMs: UnixMs = 0;
  #openUntilMs: UnixMs = 0;

  constructor(options: GateOptions = DEFAULT_GATE) {
    this.#options = options;
    this.#tokens = options.burst;
  }

  /** Failures in a row, for the status page. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether another try may start beside those that are under way. */
  get hasRoom(): boolean {
    return this.#inFlight < (this.#failures > 0 ? 1 : this.#options.maxInFlight);
  }

  /** Milliseconds until a try is allowed; 0 means now. */
  waitMs(nowMs: UnixMs): number {
    this.#fill(nowMs);
    const forTokenMs =
      this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.#options.ratePerSecond) * 1_000);
    return Math.max(forTokenMs, this.#waitForCircuit(nowMs));
  }

  /** Takes a token; call it right before a try, and `ended` right after. */
  take(nowMs: UnixMs): void {
    this.#fill(nowMs);
    this.#tokens -= 1;
    this.#inFlight++;
  }

  /** A try is over, however it went. */
  ended(): void {
    this.#inFlight--;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#openUntilMs = 0;
  }

  /** @param retryAfterMs closes the destination for so long, whatever the circuit says */
  failed(nowMs: UnixMs, retryAfterMs: number | undefined): void {
    this.#failures++;
    const over = this.#failures - this.#options.failureLimit;
    const openMs = over < 0 ? 0 : this.#options.openForMs * 2 ** Math.min(over, 4);
    this.#openedAtMs = nowMs;
    this.#openUntilMs = nowMs + Math.max(openMs, retryAfterMs ?? 0);
  }

  #waitForCircuit(nowMs: UnixMs): number {
    return waitLeft(this.#openUntilMs, this.#openedAtMs, nowMs);
  }

  #fill(nowMs: UnixMs): void {
    const sinceMs = Math.max(0, nowMs - (this.#filledAtMs ?? nowMs));
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(
      this.#options.burst,
      this.#tokens + (sinceMs / 1_000) * this.#options.ratePerSecond,
    );
  }
}

/**
 * What is left of a wait, in ms, never negative. A clock that was set back meanwhile must not lengthen it: it is at most
 * what it was when it began.
 */
export function waitLeft(untilMs: UnixMs, fromMs: UnixMs, nowMs: UnixMs): number {
  return Math.max(0, Math.min(untilMs - nowMs, untilMs - fromMs));
}
