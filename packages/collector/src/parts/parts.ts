import type { Clock, Logger } from "@tocsin/model";
import type { Registry } from "prom-client";
import type { CollectorConfig } from "../config/schema.js";
import type { Closers } from "./closers.js";

/** What every part of a collector is built with. */
export interface PartContext {
  readonly config: CollectorConfig;
  /** Where everything that must survive a restart is kept. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes the collector's own metrics. */
  readonly registry: Registry;
  readonly closers: Closers;
}
