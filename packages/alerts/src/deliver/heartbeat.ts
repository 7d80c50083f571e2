import { type Cancel, type Clock, every, type Logger, messageOf, type UnixMs } from "@tocsin/model";
import type { HeartbeatConfig } from "../config/alerting-config.js";
import type { HttpClient } from "../http/client.js";
import { revealSecret } from "../notify/notifier-config.js";

export interface HeartbeatDeps {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether rules are evaluated as they should be; a reason when not, and then nobody is told that all is well. */
  readonly fault: (nowMs: UnixMs) => string | undefined;
}

/** How the last call went. */
export interface HeartbeatStatus {
  readonly sentAtMs: UnixMs | undefined;
  readonly error: string | undefined;
}

/**
 * The dead man's switch: calls an URL as long as rules are evaluated, so that the other side can raise the alarm when
 * the calls stop. What it proves is the whole way out: process, evaluation and network.
 */
export class Heartbeat {
  readonly #config: HeartbeatConfig;
  readonly #deps: HeartbeatDeps;
  readonly #abort = new AbortController();
  #status: HeartbeatStatus = { sentAtMs: undefined, error: undefined };
  #cancel: Cancel | undefined;
  #beating: Promise<void> = Promise.resolve();

  constructor(config: HeartbeatConfig, deps: HeartbeatDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  get status(): HeartbeatStatus {
    return this.#status;
  }

  start(): void {
    const beat = (): Promise<void> => {
      this.#beating = this.#beat();
      return this.#beating;
    };
    this.#cancel = every(this.#deps.clock, this.#config.interval, beat);
    void beat();
  }

  async close(): Promise<void> {
    this.#cancel?.();
    this.#abort.abort();
    await this.#beating;
  }

  async #beat(): Promise<void> {
    const { clock, http, logger } = this.#deps;
    const { method } = this.#config;
    try {
      const fault = this.#deps.fault(clock.now());
      if (fault !== undefined) throw new Error(fault);
      const url = await revealSecret(this.#config.url, this.#config.url_file);
      const response = await http.request({
        url,
        method,
        signal: this.#abort.signal,
        ...(method === "POST" ? { body: "" } : {}),
      });
      // A redirect is not followed, so whoever waits for the call has not got it.
      if (response.status < 200 || response.status >= 300)
        throw new Error(`the heartbeat's URL answered ${response.status}`);
      this.#status = { sentAtMs: clock.now(), error: undefined };
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      // Said once: the next calls fail for the same reason.
      if (this.#status.error === undefined)
        logger.error({ error: messageOf(error) }, "the heartbeat could not be sent");
      this.#status = { ...this.#status, error: messageOf(error) };
    }
  }
}
