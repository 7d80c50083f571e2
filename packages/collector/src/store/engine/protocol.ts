/** What the collector writes to the engine's standard input, once. */
export interface ChildOrders {
  /** Absolute path of the engine's folder: tables in `data`, inserts on their way in `staging`. */
  readonly directory: string;
  /** Password of the HTTP shell, new at every start. Never an argument: those are public on most systems. */
  readonly secret: string;
  readonly readSessions: number;
  readonly writeSessions: number;
  readonly maxMemoryBytes: number;
  readonly markCacheBytes: number;
  readonly defaultExecutionSeconds: number;
}

/** What the engine writes to its standard output. */
export type ChildMessage =
  | { readonly kind: "ready"; readonly port: number; readonly version: string }
  | { readonly kind: "failed"; readonly message: string };

/** A line of the engine's standard output; undefined for one that the library printed by itself. */
export function parseMessage(line: string): ChildMessage | undefined {
  try {
    return JSON.parse(line) as ChildMessage;
  } catch {
    return undefined;
  }
}
