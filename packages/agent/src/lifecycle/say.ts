import type { LogLevel } from "../settings/settings.js";

/** Writes lines to standard error, as far as `TOCSIN_LOG` lets it. */
export class Voice {
  private readonly rank: number;
  private readonly write: (line: string) => void;

  constructor(level: LogLevel, write: (line: string) => void = writeError) {
    this.rank = RANKS[level];
    this.write = write;
  }

  /** Whether what only `TOCSIN_LOG=debug` tells is wanted. */
  get isDebug(): boolean {
    return this.rank >= RANKS.debug;
  }

  warn(text: string): void {
    if (this.rank >= RANKS.warn) this.write(`tocsin: ${text}\n`);
  }

  info(text: string): void {
    if (this.rank >= RANKS.info) this.write(`tocsin: ${text}\n`);
  }

  debug(text: string): void {
    if (this.isDebug) this.write(`tocsin: ${text}\n`);
  }
}

const RANKS: Readonly<Record<LogLevel, number>> = { silent: 0, warn: 1, info: 2, debug: 3 };

/**
 * Standard error may be closed, which ends the process by an `error` event where nobody listens to it. Each write that fails
 * has its own event, and is listened to for that one alone: what the service writes there fails as it would.
 */
function writeError(line: string): void {
  const { stderr } = process;
  const ignore = (): void => {};
  try {
    stderr.write(line, (error) => {
      if (error !== null && error !== undefined) stderr.once("error", ignore);
    });
  } catch {
    // A stream that says so at once is as closed.
  }
}
