import { createRequire } from "node:module";

/** One connection to the engine. It runs one statement at a time; the process may hold several on one directory. */
export interface NativeSession {
  /** Runs off the event loop. Rejects with the engine's own text: `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`. */
  run(sql: string, format: string): Promise<NativeResult>;
  close(): void;
}

export interface NativeResult {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

export interface NativeEngine {
  readonly version: string;
  /** @param args in the form of the engine's command line, for instance `--mark_cache_size=1000` */
  open(directory: string, args: readonly string[]): NativeSession;
}

/** The part of npm `chdb` that we use; its own types are no dependency, because it is optional. */
interface Chdb {
  version(): { libchdb: string };
  Session: new (
    path: string,
    options: { connectionArgs: readonly string[] },
  ) => {
    queryAsync(
      sql: string,
      options: { format: string },
    ): Promise<{ bytes(): Uint8Array; rowsRead: number; bytesRead: number }>;
    close(): void;
  };
}

/** Loads the library into this process; only the engine's child process does that. */
export function loadNativeEngine(): NativeEngine {
  const chdb = createRequire(import.meta.url)("chdb") as Chdb;
  return {
    version: chdb.version().libchdb.replaceAll('"', ""),
    open(directory, args) {
      const session = new chdb.Session(directory, { connectionArgs: args });
      return {
        async run(sql, format) {
          const result = await session.queryAsync(sql, { format });
          return { bytes: result.bytes(), rowsRead: result.rowsRead, bytesRead: result.bytesRead };
        },
        close: () => session.close(),
      };
    },
  };
}
