import type { LogLines } from "../send/protocol.js";

/** Log lines that wait to be handed to the worker thread. */
export class LogBatch {
  private lines: string[] = [];
  private timesMs: number[] = [];
  private places: string[] = [];
  private messageKeys: string[] = [];
  private severities: string[] = [];
  private size = 0;
  private readonly limitBytes: number;
  private readonly onFull: () => void;

  constructor(deps: { limitBytes: number; onFull: () => void }) {
    this.limitBytes = deps.limitBytes;
    this.onFull = deps.onFull;
  }

  /** @param severity what `severityWord` makes of the line's level; empty where the line tells */
  add(line: string, timeMs: number, place: string, messageKey: string, severity = ""): void {
    this.lines.push(line);
    this.timesMs.push(timeMs);
    this.places.push(place);
    this.messageKeys.push(messageKey);
    this.severities.push(severity);
    this.size += line.length + LINE_OVERHEAD_BYTES;
    if (this.size >= this.limitBytes) this.onFull();
  }

  /** Hands over what has gathered, with its size in memory, and starts afresh. */
  take(): { logs: LogLines; bytes: number } | undefined {
    if (this.lines.length === 0) return undefined;
    const { lines, places, messageKeys, severities } = this;
    const taken = {
      logs: { lines, places, messageKeys, severities, timesMs: Float64Array.from(this.timesMs) },
      bytes: this.size,
    };
    this.lines = [];
    this.timesMs = [];
    this.places = [];
    this.messageKeys = [];
    this.severities = [];
    this.size = 0;
    return taken;
  }
}

const LINE_OVERHEAD_BYTES = 96;
