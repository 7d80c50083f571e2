import { action } from "./action.js";
import type { Command } from "./command.js";
import { demo } from "./demo/demo.js";
import { up } from "./up.js";

/** Every command, in the order in which the help lists them. */
export const COMMANDS: readonly Command[] = [up, action, demo];
