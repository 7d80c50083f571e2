import { action } from "./action.js";
import { alert } from "./alert.js";
import { check } from "./check.js";
import type { Command } from "./command.js";
import { demo } from "./demo/demo.js";
import { deploy } from "./deploy.js";
import { doctor } from "./doctor.js";
import { logs } from "./logs.js";
import { query } from "./query.js";
import { rules } from "./rules.js";
import { services } from "./services.js";
import { silence } from "./silence.js";
import { slo } from "./slo.js";
import { tail } from "./tail.js";
import { test } from "./test.js";
import { trace } from "./trace.js";
import { traces } from "./traces.js";
import { up } from "./up.js";

/** Every command, in the order in which the help lists them. */
export const COMMANDS: readonly Command[] = [
  up,
  demo,
  check,
  test,
  rules,
  services,
  slo,
  query,
  traces,
  trace,
  logs,
  tail,
  alert,
  silence,
  action,
  deploy,
  doctor,
];
