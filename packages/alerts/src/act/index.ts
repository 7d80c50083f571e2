import type { ActionDefinition } from "./action.js";
import { webhook } from "./webhook.js";

/** Every kind of action. Config, validation, docs and the contract test follow from this list. */
export const actionDefinitions: readonly ActionDefinition[] = [webhook];
