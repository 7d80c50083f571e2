/**
 * The base of every error that Tocsin throws on purpose.
 *
 * `code` is stable and made to branch on; `message` says what was seen, what was expected and what to do.
 * Each package declares its own subclass with its list of codes.
 */
export class TocsinError extends Error {
  readonly code: string;
  /** Whether the same input may succeed later (true) or will fail again (false). */
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The message of anything that was thrown, whatever it is. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
