import type { Note, Signal } from "../send/protocol.js";
import type { Voice } from "./say.js";

/** How an export by one of OpenTelemetry's exporters went: in how much time it succeeded, or why it did not. */
export type ExportOutcome = { readonly ms: number } | { readonly why: string };

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
  private droppedAtFailure: number | undefined;

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
        this.warnOnceAMinute(`unreachable ${base}`, () => this.unreachable(base, note.why));
        this.introduce(`sending to ${base}, which ${isAnswer(note.why) ? note.why : "does not answer"}`);
        return;
      case "rejected":
        // One reason for all signals is one line; what a collector says of a part of them is not.
        if (!isAnswer(note.why)) {
          const text = `${base} refused ${note.count} items of ${note.signal}: ${note.why}.`;
          this.warnOnceAMinute(`rejected ${note.signal} ${note.why}`, () => text);
          return;
        }
        this.warnOnceAMinute(
          `rejected ${base} ${note.why}`,
          () =>
            `${base} refuses ${note.signal}: it ${note.why}. What it refuses is not sent again; ${this.lostInAll()}.${hint(base, note.why)}`,
        );
        this.introduce(`sending to ${base}, which ${note.why}`);
        return;
      case "recovered": {
        const wasTold = this.lastSaidMs.delete(`unreachable ${base}`);
        const lost = this.lostSinceFailure();
        this.droppedAtFailure = undefined;
        if (wasTold)
          voice.warn(
            `${base} answers again after ${Math.round(note.afterMs / 1000)} s; ${lost === 0 ? "nothing was lost" : `${items(lost)} lost`}.`,
          );
        return;
      }
      case "overflowed":
        // While nothing is delivered at all, the line about that tells how much is lost.
        if (!this.lastSaidMs.has(`unreachable ${base}`))
          this.warnOnceAMinute(
            "overflowed",
            () => `${base} takes telemetry more slowly than it is made: 32 MB wait; ${this.lostInAll()}.`,
          );
        return;
      case "crashed":
        this.warnOnceAMinute(`crashed ${note.isLast}`, () =>
          note.isLast
            ? `the thread that delivers cannot be started any more (${note.why}); nothing is sent.`
            : `the thread that delivers failed (${note.why}) and is started again; ${this.lostInAll()}.`,
        );
    }
  }

  /** The same for exporters other than the agent's own. `place` says where they lead. */
  exported(signal: Signal, place: string, outcome: ExportOutcome): void {
    const topic = `unreachable ${place}`;
    if ("why" in outcome) {
      this.warnOnceAMinute(
        topic,
        () =>
          `cannot deliver ${signal} to ${place}: ${outcome.why}. The service is unaffected; OpenTelemetry's exporter tries again for a while, and then drops what it holds.`,
      );
      this.introduce(`sending to ${place}, without success`);
      return;
    }
    this.introduce(`sending to ${place}, which answered in ${Math.max(1, Math.round(outcome.ms))} ms`);
    if (this.lastSaidMs.delete(topic)) this.deps.voice.warn(`${signal} reach ${place} again.`);
  }

  /** The line at start for when nobody else has said it: nothing that is sent tells how it went. */
  introduceAnyway(places: readonly string[]): void {
    this.introduce(
      places.length === 0
        ? 'sending nothing: every exporter is "none"'
        : `sending to ${places.join(" and ")}`,
    );
  }

  private unreachable(base: string, why: string): string {
    this.droppedAtFailure ??= this.deps.dropped();
    const lost = this.lostSinceFailure();
    const cost = lost === 0 ? "" : `; ${items(lost)} lost so far`;
    return `cannot deliver to ${base}: ${why}. The service is unaffected; telemetry waits in memory (up to 32 MB) and is retried${cost}.${hint(base, why)}`;
  }

  private lostSinceFailure(): number {
    const dropped = this.deps.dropped();
    return dropped - (this.droppedAtFailure ?? dropped);
  }

  private lostInAll(): string {
    return `${items(this.deps.dropped())} lost so far`;
  }

  private warnOnceAMinute(topic: string, text: () => string): void {
    if (this.isDue(topic)) this.deps.voice.warn(text());
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

/** Whether there was an HTTP answer, such as `answered 401`. */
function isAnswer(why: string): boolean {
  return why.startsWith("answered ");
}

function items(count: number): string {
  return count === 1 ? "1 item was" : `${count} items were`;
}

/** What is usually behind it. */
function hint(base: string, why: string): string {
  // The commonest wrong port is the page's.
  if (base.endsWith(":4319")) return " 4319 is the page; OTLP is on 4318.";
  const cure = CURES[why];
  return cure === undefined ? "" : ` ${cure}`;
}

const CREDENTIALS = "Set TOCSIN_TOKEN, or OTEL_EXPORTER_OTLP_HEADERS.";
const PLACE = "Is it an OTLP/HTTP endpoint? The agent posts to /v1/traces, /v1/metrics and /v1/logs there.";
const REDIRECT = "Set TOCSIN_URL to where it redirects to.";
const CURES: Readonly<Record<string, string>> = {
  "answered 301": REDIRECT,
  "answered 302": REDIRECT,
  "answered 307": REDIRECT,
  "answered 308": REDIRECT,
  "answered 401": CREDENTIALS,
  "answered 403": CREDENTIALS,
  "answered 404": PLACE,
  "answered 405": PLACE,
  "answered 415": "It takes no protobuf; set OTEL_EXPORTER_OTLP_PROTOCOL=http/json.",
};
