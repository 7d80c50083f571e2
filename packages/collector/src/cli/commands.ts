import { action } from "./action.js";
import type { Command } from "./command.js";
import { demo } from "./demo/demo.js";
import { deploy } from "./deploy.js";
import { doctor } from "./doctor.js";
import { logs } from "./logs.js";
import { query } from "./query.js";
import { services } from "./services.js";
import { slo } from "./slo.js";
import { tail } from "./tail.js";
import { trace } from "./trace.js";
import { traces } from "./traces.js";
import { up } from "./up.js";

/** Every command, in the order in which the help lists them. */
export const COMMANDS: readonly Command[] = [
  up,
  demo,
  services,
  slo,
  query,
  traces,
  trace,
  logs,
  tail,
  action,
  deploy,
  doctor,
];
