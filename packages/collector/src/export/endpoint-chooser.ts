import type { UnixMs } from "@tocsin/model";
import type { Endpoint } from "./endpoint.js";

export interface Wait {
  readonly kind: "wait";
  readonly untilMs: UnixMs;
}

/** First wait of our own after a failure; doubled with each further one. */
const BASE_BACKOFF_MS = 1_000;

/** Longest wait that an endpoint may ask for: a day. */
const MAX_RETRY_AFTER_MS = 86_400_000;

interface State {
  readonly endpoint: Endpoint;
  failures: number;
  notBeforeMs: UnixMs;
}

/**
 * Decides which endpoint is tried next: the first that is not waiting out a failure, so that the preferred one is
 * returned to as soon as its wait is over.
 *
 * Waits have full jitter (a random part of a doubling bound), so that many senders do not come back at once; an
 * endpoint's own Retry-After is never undercut.
 */
export class EndpointChooser {
  readonly #states: readonly State[];
  readonly #maxBackoffMs: number;
  readonly #random: () => number;

  constructor(endpoints: readonly Endpoint[], options: { maxBackoffMs: number; random: () => number }) {
    this.#states = endpoints.map((endpoint) => ({ endpoint, failures: 0, notBeforeMs: 0 }));
    this.#maxBackoffMs = options.maxBackoffMs;
    this.#random = options.random;
  }

  choose(nowMs: UnixMs): { readonly kind: "try"; readonly endpoint: Endpoint } | Wait {
    const ready = this.#states.find(({ notBeforeMs }) => notBeforeMs <= nowMs);
    if (ready) return { kind: "try", endpoint: ready.endpoint };
    return { kind: "wait", untilMs: Math.min(...this.#states.map(({ notBeforeMs }) => notBeforeMs)) };
  }

  failed(endpoint: Endpoint, nowMs: UnixMs, retryAfterMs: number | undefined): void {
    const state = this.#stateOf(endpoint);
    // Of several requests under way the first that fails tells of the endpoint; the others only may ask for a longer wait.
    if (state.notBeforeMs > nowMs) {
      state.notBeforeMs = Math.max(
        state.notBeforeMs,
        nowMs + Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS),
      );
      return;
    }
    const bound = Math.min(this.#maxBackoffMs, BASE_BACKOFF_MS * 2 ** Math.min(state.failures, 30));
    state.failures++;
    const asked = Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    state.notBeforeMs = nowMs + asked + Math.ceil(this.#random() * bound);
  }

  /** What was answered while a wait was asked for does not end the wait. */
  worked(endpoint: Endpoint, nowMs: UnixMs): void {
    const state = this.#stateOf(endpoint);
    if (state.notBeforeMs > nowMs) return;
    state.failures = 0;
    state.notBeforeMs = 0;
  }

  close(): void {
    for (const { endpoint } of this.#states) endpoint.close();
  }

  #stateOf(endpoint: Endpoint): State {
    return this.#states.find((state) => state.endpoint === endpoint) as State;
  }
}
