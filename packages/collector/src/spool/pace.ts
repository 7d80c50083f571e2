/** Which readers must keep up. */
export interface PaceOptions {
  readonly consumers: readonly string[];
  /** Bytes that one of them may have left to read. */
  readonly maxLagBytes: number;
}

/**
 * Keeps intake at the pace of the readers that must keep up, such as signals: what they have not read is an alert that
 * comes late, and a backlog that no longer fits in memory makes each of them slower still.
 *
 * A reader counts from the moment when it has caught up for the first time. What a restart leaves it to read again
 * must not keep senders out.
 */
export class Pace {
  readonly #options: PaceOptions;
  readonly #lags: (() => number)[] = [];
  /** Of readers that have not caught up yet. */
  #behindSinceStart: (() => number)[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Takes in a reader, if it is one that must keep up. */
  watch(name: string, lagBytes: () => number): void {
    if (this.#options.consumers.includes(name)) this.#behindSinceStart.push(lagBytes);
  }

  /** Whether `bytes` more, behind what is in flight, are more than the slowest of them should have before it. */
  isBehind(inFlightBytes: number, bytes: number): boolean {
    const { maxLagBytes } = this.#options;
    if (this.#behindSinceStart.length > 0) this.#noteCaughtUp();
    for (const lagBytes of this.#lags) {
      const before = lagBytes() + inFlightBytes;
      // One request is always let in, however large, when there is nothing before it.
      if (before > 0 && before + bytes > maxLagBytes) return true;
    }
    return false;
  }

  onRelief(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** To be called when a reader has moved on or room was made. */
  relieve(): void {
    for (const listener of this.#listeners) listener();
  }

  #noteCaughtUp(): void {
    const { maxLagBytes } = this.#options;
    this.#behindSinceStart = this.#behindSinceStart.filter((lagBytes) => {
      if (lagBytes() > maxLagBytes) return true;
      this.#lags.push(lagBytes);
      return false;
    });
  }
}
