import type { Command } from "./command.js";

/** A command as the help lists it, and how to come by its code. */
export interface CommandEntry {
  /** One line for the list of commands. */
  readonly summary: string;
  load(): Promise<Command>;
}

/**
 * Every command, in the order in which the help lists them. The code of a command is loaded when it is run: the list
 * of commands then shows at once, and a sidecar holds no code of the others.
 */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  up: {
    summary: "run the collector: intake, page and APIs",
    load: async () => (await import("./up.js")).up,
  },
  demo: {
    summary: "three services, a bad deploy, and the loop that closes by itself",
    load: async () => (await import("./demo/demo.js")).demo,
  },
  check: {
    summary: "check configuration, rules, SLOs and routes, each fault with its place",
    load: async () => (await import("./check.js")).check,
  },
  test: {
    summary: "run unit tests of rules, in promtool's format, with virtual time",
    load: async () => (await import("./test.js")).test,
  },
  rules: {
    summary: "replay rules on history: what would have fired, who would have been told",
    load: async () => (await import("./rules.js")).rules,
  },
  services: {
    summary: "traffic, errors, latency and saturation of every service",
    load: async () => (await import("./services.js")).services,
  },
  slo: {
    summary: "SLOs: budgets, burn rates, simulation, reports",
    load: async () => (await import("./slo.js")).slo,
  },
  query: {
    summary: "evaluate PromQL",
    load: async () => (await import("./query.js")).query,
  },
  traces: {
    summary: "find traces",
    load: async () => (await import("./traces.js")).traces,
  },
  trace: {
    summary: "show one trace as a tree",
    load: async () => (await import("./trace.js")).trace,
  },
  logs: {
    summary: "find log lines",
    load: async () => (await import("./logs.js")).logs,
  },
  tail: {
    summary: "follow log lines as they come",
    load: async () => (await import("./tail.js")).tail,
  },
  alert: {
    summary: "list, explain and acknowledge alerts; show where labels are routed",
    load: async () => (await import("./alert.js")).alert,
  },
  silence: {
    summary: "list, add, lengthen and end silences",
    load: async () => (await import("./silence.js")).silence,
  },
  reload: {
    summary: "have a running collector read its configuration again",
    load: async () => (await import("./reload.js")).reload,
  },
  action: {
    summary: "see, approve and stop actions",
    load: async () => (await import("./action.js")).action,
  },
  deploy: {
    summary: "mark a deployment, or list those that were seen",
    load: async () => (await import("./deploy.js")).deploy,
  },
  doctor: {
    summary: "find out what is wrong with the set-up, and how to mend it",
    load: async () => (await import("./doctor.js")).doctor,
  },
};

/** Every command with its code, for the reference pages. */
export function allCommands(): Promise<Command[]> {
  return Promise.all(Object.values(COMMANDS).map((entry) => entry.load()));
}

/** The command of that name, or undefined. */
export async function commandNamed(name: string): Promise<Command | undefined> {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name]?.load() : undefined;
}
