import type { Cancel, Clock, UnixMs } from "@tocsin/model";
import { z } from "zod";
import type { Alert } from "../alert.js";
import { type Alerting, createAlerting } from "../alerting.js";
import type { AlertingConfig } from "../config/alerting-config.js";
import { MemoryJournal } from "../journal.js";
import { defineNotifier, type Notification } from "../notify/notifier.js";

/** An alert that goes on ends this long after it was last told of, which in a test is never. */
const FOREVER_MS = 10 * 365 * 86_400_000;

/**
 * What would be sent, and when: the alerts of a rule test run through the real routes, groups, inhibition and time
 * intervals in virtual time. Nothing leaves: every receiver has one notifier that only remembers.
 */
export class Told {
  readonly #clock: VirtualClock;
  readonly #alerting: Alerting;
  #told: Notification[] = [];

  private constructor(config: AlertingConfig, startMs: UnixMs) {
    this.#clock = new VirtualClock(startMs);
    const remember = defineNotifier({
      type: "test",
      sendResolvedByDefault: true,
      config: z.unknown(),
      create: () => ({
        destination: "test",
        notify: async (notification) => {
          this.#told.push(notification);
          return undefined;
        },
      }),
    });
    this.#alerting = createAlerting({
      config: {
        ...config,
        heartbeat: undefined,
        watchdog: false,
        warn_before_silence_ends: 0,
        receivers: config.receivers.map(({ name, entries }) => ({
          name,
          entries:
            entries.length === 0
              ? []
              : [
                  {
                    type: "test",
                    index: 0,
                    config: {},
                    sendResolved: entries.some((entry) => entry.sendResolved),
                    // A destination of its own, so that no receiver waits for another.
                    definition: {
                      ...remember,
                      create: (own, deps) => ({ ...remember.create(own, deps), destination: name }),
                    },
                  },
                ],
        })),
      },
      ruleSources: [],
      journal: new MemoryJournal(),
      externalUrl: "",
      clock: this.#clock,
      random: () => 0,
    });
  }

  static async open(config: AlertingConfig, startMs: UnixMs): Promise<Told> {
    const told = new Told(config, startMs);
    await told.#alerting.start();
    return told;
  }

  /** Hands over how alerts stand at a moment, as a server with rules does. Pending ones are nobody's business. */
  async take(alerts: readonly Alert[], nowMs: UnixMs): Promise<void> {
    await this.#clock.moveTo(nowMs);
    this.#alerting.receive(
      alerts.map((alert) => ({
        labels: alert.labels,
        annotations: alert.annotations,
        startsAtMs: alert.startsAtMs ?? alert.activeAtMs,
        endsAtMs: alert.endsAtMs ?? nowMs + FOREVER_MS,
        generatorUrl: alert.generatorUrl,
      })),
    );
    await this.#clock.moveTo(nowMs);
  }

  /** What was sent until then and not handed out before, oldest first. */
  async until(nowMs: UnixMs): Promise<readonly Notification[]> {
    await this.#clock.moveTo(nowMs);
    const told = this.#told;
    this.#told = [];
    return told;
  }

  close(): Promise<void> {
    return this.#alerting.close();
  }
}

/** Time that only moves when told; what falls due runs in order, and all that follows from it is done before the next. */
class VirtualClock implements Clock {
  #nowMs: UnixMs;
  readonly #timers = new Set<{ readonly atMs: UnixMs; readonly callback: () => void }>();

  constructor(startMs: UnixMs) {
    this.#nowMs = startMs;
  }

  now(): UnixMs {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  async moveTo(atMs: UnixMs): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      let next: { readonly atMs: UnixMs; readonly callback: () => void } | undefined;
      for (const timer of this.#timers)
        if (timer.atMs <= atMs && (!next || timer.atMs < next.atMs)) next = timer;
      if (!next) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = Math.max(this.#nowMs, atMs);
  }
}
