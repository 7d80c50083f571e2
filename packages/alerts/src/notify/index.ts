import { log } from "./log.js";
import type { NotifierDefinition } from "./notifier.js";
import { webhook } from "./webhook.js";

/** Every notifier that there is; the config's schema and the docs are derived from this list. */
export const NOTIFIERS: readonly NotifierDefinition[] = [webhook, log];
