import type { Note, Signal } from "../send/protocol.js";
import type { Voice } from "./say.js";

/** What the report needs; the clock is a parameter. */
export interface DeliveryReportDeps {
  readonly voice: Voice;
  readonly urlOf: (signal: Signal) => string;
  readonly now: () => number;
}

/**
 * Tells how delivery goes in few words: the first failure at once, then one line a minute while it lasts, and its end.
 * Three signals that fail for one reason are one line.
 */
export class DeliveryReport {
  private readonly deps: DeliveryReportDeps;
  private readonly lastSaidMs = new Map<string, number>();
  private readonly failing = new Set<Signal>();

  constructor(deps: DeliveryReportDeps) {
    this.deps = deps;
  }

  take(note: Note): void {
    const { voice, urlOf } = this.deps;
    const base = baseOf(urlOf(note.signal));
    switch (note.kind) {
      case "connected":
        voice.debug(`${note.signal} reach ${base} (${Math.round(note.ms)} ms)`);
        return;
      case "unreachable":
        this.failing.add(note.signal);
        if (this.isDue(`unreachable ${base}`))
          voice.warn(
            `cannot deliver to ${base}: ${note.why}. The service is unaffected; telemetry waits in memory (up to 32 MB) and is retried.${hint(base)}`,
          );
        return;
      case "rejected":
        if (this.isDue(`rejected ${note.signal} ${note.why}`))
          voice.warn(`${base} refused ${note.count} items of ${note.signal}: ${note.why}.`);
        return;
      case "recovered": {
        const wasTold = this.lastSaidMs.delete(`unreachable ${base}`);
        this.failing.delete(note.signal);
        if (wasTold) voice.warn(`${base} answers again after ${Math.round(note.afterMs / 1000)} s.`);
      }
    }
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
