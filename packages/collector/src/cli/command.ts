/** What a command may touch of the world; `main.ts` makes the real one, tests make their own. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Data. */
  out(text: string): void;
  /** Talk: progress, warnings, errors. */
  err(text: string): void;
  /** Whether stdout is a terminal, and colour is wanted there. */
  readonly isTerminal: boolean;
  /** Aborted when the person or the system asks the command to end (SIGINT, SIGTERM). */
  readonly signal: AbortSignal;
  /** Registers what to do on SIGHUP, by custom "read your configuration again". */
  onReload(callback: () => void): void;
}

/** Exit codes of every command. */
export const ExitCode = {
  good: 0,
  /** The command did its work and found something wrong. */
  findings: 1,
  wrongUse: 2,
  /** The collector did not answer. */
  notReached: 3,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export interface Command {
  readonly name: string;
  /** The text of `tocsin NAME --help`. */
  readonly help: string;
  /** @throws {UsageError} on wrong arguments; shown with exit code 2. */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

/** Wrong use of a command; the message is shown with a pointer to its help. */
export class UsageError extends Error {}

/** The collector did not answer; ends the command with exit code 3. */
export class NotReachedError extends Error {}
