import { type Clock, every, type Logger, messageOf, type UnixMs } from "@tocsin/model";
import { Gauge, type Registry } from "prom-client";
import type { Setup } from "../config/setup.js";
import { watchedSignature } from "../config/watched-files.js";
import type { Closers } from "./closers.js";

/** How the configuration was last read again; the same words for log, page, metrics and command. */
export interface ReloadStatus {
  /** When what runs now was read. */
  readonly loadedAtMs: UnixMs;
  /** When it was last tried, and why that failed; undefined when it did not. */
  readonly failed: { readonly atMs: UnixMs; readonly error: string } | undefined;
}

export interface ReloadingDeps {
  readonly setup: Setup;
  /** Reads the configuration again; throws what is wrong with it. */
  readonly readSetup: () => Promise<Setup>;
  /** Takes a configuration that was found whole. */
  readonly apply: (setup: Setup) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** How often files are looked at, where that is asked for. */
const LOOK_EVERY_MS = 2_000;

/** Reads the configuration again on demand, and when its files change if it says so. One at a time; a fault changes nothing. */
export class Reloading {
  readonly #deps: ReloadingDeps;
  #setup: Setup;
  #status: ReloadStatus;
  #last: Promise<void> = Promise.resolve();

  constructor(deps: ReloadingDeps) {
    this.#deps = deps;
    this.#setup = deps.setup;
    this.#status = { loadedAtMs: deps.clock.now(), failed: undefined };
    registerMetrics(deps.registry, () => this.#status);
  }

  get status(): ReloadStatus {
    return this.#status;
  }

  /** @throws {CollectorError} CONFIG_INVALID with every fault, CONFIG_UNREADABLE; what ran goes on running */
  reload(): Promise<void> {
    const run = this.#last.then(() => this.#reload());
    this.#last = run.catch(() => {});
    return run;
  }

  /** Looks at the files from now on; what has changed is read once it has stood still for one look. Done after the first look. */
  async watchFiles(closers: Closers): Promise<void> {
    const { clock, logger } = this.#deps;
    let used = await watchedSignature(this.#setup);
    let seen = used;
    const cancel = every(clock, LOOK_EVERY_MS, async () => {
      const now = await watchedSignature(this.#setup);
      const isStill = now === seen;
      seen = now;
      if (now === used || !isStill) return;
      used = now;
      logger.info({ file: this.#setup.file }, "a configuration file has changed");
      // The fault is logged, and shown on the page, by the reload itself.
      await this.reload().catch(() => {});
    });
    closers.add("watch of the configuration", { close: cancel });
  }

  async #reload(): Promise<void> {
    const { clock, logger } = this.#deps;
    try {
      const setup = await this.#deps.readSetup();
      await this.#deps.apply(setup);
      this.#setup = setup;
      this.#status = { loadedAtMs: clock.now(), failed: undefined };
      logger.info({ file: setup.file }, "the configuration was read again and is in use");
    } catch (error) {
      this.#status = { ...this.#status, failed: { atMs: clock.now(), error: messageOf(error) } };
      logger.error({ error: messageOf(error) }, "configuration not taken; the old one stays in use");
      throw error;
    }
  }
}

function registerMetrics(registry: Registry, status: () => ReloadStatus): void {
  const registers = [registry];
  new Gauge({
    name: "tocsin_config_last_reload_successful",
    help: "1 unless the configuration could not be taken when it was last read.",
    registers,
    collect() {
      this.set(status().failed ? 0 : 1);
    },
  });
  new Gauge({
    name: "tocsin_config_last_reload_success_timestamp_seconds",
    help: "When the configuration that is in use was read.",
    registers,
    collect() {
      this.set(status().loadedAtMs / 1_000);
    },
  });
}
