import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { serviceCopy } from "./libraries/service-copy.js";
import { prettyLine } from "./logs/pretty.js";
import { metricsHandler } from "./metrics/metrics-handler.js";

/** A running agent. */
export interface Agent {
  /** A pino logger whose lines carry trace ids and go to the collector: JSON in production, pretty on a terminal. */
  logger(): Logger;
  /** prom-client's default registry, the service's own copy of it where it has one. */
  readonly registry: Registry;
  /** Middleware and handler for `GET /metrics`: every prom-client registry of the process. */
  metricsHandler(): (request: IncomingMessage, response: ServerResponse) => void;
  /** Delivers what has gathered, for platforms that freeze the process between requests. */
  flush(timeoutMs?: number): Promise<void>;
  /** Flushes, stops everything and takes the instrumentation off. Calling it again does nothing. */
  shutdown(): Promise<void>;
}

/** What an agent is made of, as `start` puts it together. */
export interface AgentParts {
  readonly exposition: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly flush: (timeoutMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The agent that `start` hands out. */
export class RunningAgent implements Agent {
  private readonly parts: AgentParts;
  private ownLogger: Logger | undefined;
  private closing: Promise<void> | undefined;

  constructor(parts: AgentParts) {
    this.parts = parts;
  }

  logger(): Logger {
    if (this.ownLogger === undefined) {
      const pino = serviceCopy("pino") as typeof import("pino");
      const options = { level: process.env.LOG_LEVEL ?? "info" };
      const isForPerson = process.stdout.isTTY === true && process.env.NODE_ENV !== "production";
      this.ownLogger = isForPerson
        ? pino(options, { write: (line: string) => void process.stdout.write(prettyLine(line)) })
        : pino(options);
    }
    return this.ownLogger;
  }

  get registry(): Registry {
    return (serviceCopy("prom-client") as typeof import("prom-client")).register;
  }

  metricsHandler(): (request: IncomingMessage, response: ServerResponse) => void {
    return metricsHandler(this.parts.exposition);
  }

  flush(timeoutMs = 5000): Promise<void> {
    return this.parts.flush(timeoutMs);
  }

  shutdown(): Promise<void> {
    this.closing ??= this.parts.close();
    return this.closing;
  }
}
