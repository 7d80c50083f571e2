import type { Note, Signal } from "../send/protocol.js";
import type { Voice } from "./say.js";

/** What the report needs; the clock is a parameter. */
export interface DeliveryReportDeps {
  readonly voice: Voice;
  readonly urlOf: (signal: Signal) => string;
  readonly now: () => number;
  /** Items given up so far, of all signals. */
  readonly dropped: () => number;
  /** What is watched and what is not, for the line at start. */
  readonly summary: () => string;
}

/**
 * Tells how delivery goes in few words: the first failure at once, then one line a minute while it lasts, and its end.
 * Three signals that fail for one reason are one line.
 */
export class DeliveryReport {
  private readonly deps: DeliveryReportDeps;
  private readonly lastSaidMs = new Map<string, number>();
  private hasIntroduced = false;
  private droppedAtFailure = 0;

  constructor(deps: DeliveryReportDeps) {
    this.deps = deps;
  }

  take(note: Note): void {
    const { voice, urlOf } = this.deps;
    const base = baseOf(urlOf(note.signal));
    switch (note.kind) {
      case "connected":
        voice.debug(`${note.signal} reach ${base} (${Math.round(note.ms)} ms)`);
        this.introduce(`sending to ${base}, which answered in ${Math.max(1, Math.round(note.ms))} ms`);
        return;
      case "unreachable":
        if (this.isDue(`unreachable ${base}`)) {
          this.droppedAtFailure = this.deps.dropped();
          voice.warn(
            `cannot deliver to ${base}: ${note.why}. The service is unaffected; telemetry waits in memory (up to 32 MB) and is retried.${hint(base)}`,
          );
          this.introduce(`sending to ${base}, which does not answer`);
        }
        return;
      case "rejected":
        if (this.isDue(`rejected ${note.signal} ${note.why}`))
          voice.warn(`${base} refused ${note.count} items of ${note.signal}: ${note.why}.`);
        return;
      case "recovered": {
        const wasTold = this.lastSaidMs.delete(`unreachable ${base}`);
        const lost = this.deps.dropped() - this.droppedAtFailure;
        if (wasTold)
          voice.warn(
            `${base} answers again after ${Math.round(note.afterMs / 1000)} s; ${lost === 0 ? "nothing was lost" : `${lost} items were lost`}.`,
          );
      }
    }
  }

  /** The one line that says, once it is known, what the agent does here. */
  private introduce(delivery: string): void {
    if (this.hasIntroduced) return;
    this.hasIntroduced = true;
    this.deps.voice.info(`${this.deps.summary()} · ${delivery}`);
  }

  private isDue(topic: string): boolean {
    const nowMs = this.deps.now();
    const lastMs = this.lastSaidMs.get(topic);
    if (lastMs !== undefined && nowMs - lastMs < REPEAT_MS) return false;
    this.lastSaidMs.set(topic, nowMs);
    return true;
  }
}

const REPEAT_MS = 60_000;

function baseOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}

/** The commonest wrong port is the page's. */
function hint(base: string): string {
  return base.endsWith(":4319") ? " 4319 is the page; OTLP is on 4318." : "";
}
