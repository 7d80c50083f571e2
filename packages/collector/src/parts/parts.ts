import type { Clock, Logger } from "@tocsin/model";
import type { Registry } from "prom-client";
import type { CollectorConfig } from "../config/schema.js";
import type { Setup } from "../config/setup.js";
import type { Closers } from "./closers.js";

/** What every part of a collector is built with. */
export interface PartContext {
  /** The configuration at the start; a reload hands a new one to the parts that can change. */
  readonly setup: Setup;
  /** `setup.config` */
  readonly config: CollectorConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where everything that must survive a restart is kept. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes the collector's own metrics. */
  readonly registry: Registry;
  readonly closers: Closers;
}
