import type { Logger } from "@tocsin/model";
import { pino } from "pino";
import type { CommandIo } from "./command.js";

/** The collector's own log: JSON lines on stderr; `TOCSIN_LOG` sets the level (default info). */
export function createLogger(io: Pick<CommandIo, "env" | "err">): Logger {
  return pino(
    { level: io.env.TOCSIN_LOG ?? "info", base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => io.err(line) },
  );
}
