/** What the load has seen since it started. */
export interface LoadCounts {
  readonly sent: number;
  readonly ok: number;
  readonly failed: number;
  /** Requests that were due but not sent because too many were unanswered. */
  readonly skipped: number;
  readonly firstFailureAtMs: number | undefined;
  readonly lastFailureAtMs: number | undefined;
}

/** How much and where to. */
export interface LoadOptions {
  readonly url: string;
  readonly requestsPerSecond: number;
  /** Is told of the first bad answer after a time without any. */
  readonly onFirstFailure: (atMs: number) => void;
}

const MAX_IN_FLIGHT = 200;
const TICK_MS = 25;
/** A failure after this long without one begins a new series of them. */
const QUIET_MS = 15_000;

/** Of every 100 customers who pay, these are guests without a wallet. */
const GUESTS_OF_100 = 46;

/**
 * An open loop: requests leave when they are due, whether or not earlier ones were answered, as visitors do.
 * One of five pays, the others look at their cart. Bounded: what cannot be sent is counted, never queued.
 */
export function startLoad({ url, requestsPerSecond, onFirstFailure }: LoadOptions) {
  const counts = { sent: 0, ok: 0, failed: 0, skipped: 0 };
  let firstFailureAtMs: number | undefined;
  let lastFailureAtMs: number | undefined;
  let inFlight = 0;
  const startedAtMs = performance.now();
  let due = 0;
  const timer = setInterval(() => {
    const shouldBe = ((performance.now() - startedAtMs) / 1_000) * requestsPerSecond;
    // After a pause of the whole machine, what was missed is not made up for in one burst.
    due = Math.max(due, shouldBe - requestsPerSecond);
    while (due < shouldBe) void visit(due++);
  }, TICK_MS);

  async function visit(number: number): Promise<void> {
    if (inFlight >= MAX_IN_FLIGHT) {
      counts.skipped += 1;
      return;
    }
    inFlight += 1;
    counts.sent += 1;
    try {
      const { target, init } = requestOf(Math.floor(number));
      const response = await fetch(`${url}${target}`, { ...init, signal: AbortSignal.timeout(5_000) });
      await response.arrayBuffer();
      if (response.status < 500) counts.ok += 1;
      else failed();
    } catch {
      failed();
    } finally {
      inFlight -= 1;
    }
  }

  function failed(): void {
    counts.failed += 1;
    const nowMs = Date.now();
    if (lastFailureAtMs === undefined || nowMs - lastFailureAtMs > QUIET_MS) {
      firstFailureAtMs = nowMs;
      onFirstFailure(nowMs);
    }
    lastFailureAtMs = nowMs;
  }

  return {
    counts: (): LoadCounts => ({ ...counts, firstFailureAtMs, lastFailureAtMs }),
    stop: (): void => clearInterval(timer),
  };
}

/** The n-th visitor. Who is a guest is spread evenly (a multiple of 46 modulo 100), so that every second has some. */
export function requestOf(number: number): { target: string; init: RequestInit } {
  if (number % 5 !== 0) return { target: `/cart/${number % 1_000}`, init: {} };
  const payer = number / 5;
  const isGuest = (payer * GUESTS_OF_100) % 100 < GUESTS_OF_100;
  const customer = isGuest ? {} : { wallet: { currency: payer % 2 === 0 ? "EUR" : "USD" } };
  const body = JSON.stringify({ cart: String(payer % 1_000), customer });
  return { target: "/pay", init: { method: "POST", headers: { "content-type": "application/json" }, body } };
}
