import { ByteWriter } from "../otlp/byte-writer.js";
import { type LineNotes, type LogLines, writeLogLine } from "./log-lines.js";

/**
 * Log lines that wait to be handed to the worker thread, as bytes: strings would be moved by each garbage collection while
 * they wait, and copied one by one on their way to the other thread.
 */
export class LogBatch {
  private readonly limitBytes: number;
  private readonly onFull: () => void;
  private writer = new ByteWriter();
  private words: string[] = [];
  private count = 0;

  constructor(deps: { limitBytes: number; onFull: () => void }) {
    this.limitBytes = deps.limitBytes;
    this.onFull = deps.onFull;
  }

  add(line: string, timeMs: number, notes: LineNotes): void {
    writeLogLine(this.writer, this.words, { line, timeMs, notes });
    this.count++;
    if (this.writer.at >= this.limitBytes) this.onFull();
  }

  /** Hands over what has gathered and starts afresh. */
  take(): LogLines | undefined {
    if (this.count === 0) return undefined;
    const { writer, count, words } = this;
    const bytes = writer.finished();
    writer.at = 0;
    // One line may be large; the next ones are not.
    if (writer.bytes.length > 2 * this.limitBytes) this.writer = new ByteWriter();
    this.words = [];
    this.count = 0;
    return { bytes, count, words };
  }
}
