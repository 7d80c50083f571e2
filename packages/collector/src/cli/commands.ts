import type { Command } from "./command.js";

/**
 * Every command, in the order in which the help lists them. A command's code is loaded when it is run: a sidecar then
 * holds no code of the others.
 */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import("./up.js")).up,
  demo: async () => (await import("./demo/demo.js")).demo,
  check: async () => (await import("./check.js")).check,
  test: async () => (await import("./test.js")).test,
  rules: async () => (await import("./rules.js")).rules,
  services: async () => (await import("./services.js")).services,
  slo: async () => (await import("./slo.js")).slo,
  query: async () => (await import("./query.js")).query,
  traces: async () => (await import("./traces.js")).traces,
  trace: async () => (await import("./trace.js")).trace,
  logs: async () => (await import("./logs.js")).logs,
  tail: async () => (await import("./tail.js")).tail,
  alert: async () => (await import("./alert.js")).alert,
  silence: async () => (await import("./silence.js")).silence,
  reload: async () => (await import("./reload.js")).reload,
  action: async () => (await import("./action.js")).action,
  deploy: async () => (await import("./deploy.js")).deploy,
  doctor: async () => (await import("./doctor.js")).doctor,
};

/** Every command with its code, for help and reference pages. */
export function allCommands(): Promise<Command[]> {
  return Promise.all(Object.values(COMMANDS).map((load) => load()));
}

/** The command of that name, or undefined. */
export async function commandNamed(name: string): Promise<Command | undefined> {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name]?.() : undefined;
}
