import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";

/** The built entry point, as `--import` takes it. */
export const REGISTER = new URL("../../dist/register.js", import.meta.url).href;

/** The Node that services run on: the tests' own, or another by `TOCSIN_TEST_NODE`, the path of its binary. */
export const NODE = process.env.TOCSIN_TEST_NODE ?? process.execPath;

/** The folder of the services that tests start. */
export const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

export interface ServiceOptions {
  env?: Record<string, string>;
  /** Node's own arguments; without them the agent is registered. */
  nodeArgs?: string[];
  args?: string[];
}

/** A real Node process with the agent, started from a fixture. */
export class Service {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; ms: number }>;
  private readonly startedMs = performance.now();

  constructor(fixture: string, collectorUrl: string, options: ServiceOptions = {}) {
    this.child = spawn(
      NODE,
      [
        ...(options.nodeArgs ?? ["--import", REGISTER]),
        isAbsolute(fixture) ? fixture : `${FIXTURES}${fixture}`,
        ...(options.args ?? []),
      ],
      {
        env: {
          ...cleanEnv(),
          TOCSIN_URL: collectorUrl,
          OTEL_SERVICE_NAME: "fixture",
          OTEL_METRIC_EXPORT_INTERVAL: "200",
          OTEL_BSP_SCHEDULE_DELAY: "50",
          ...options.env,
        },
        stdio: ["ignore", "pipe", "pipe", "ipc"],
      },
    );
    this.child.stdout?.on("data", (part) => {
      this.stdout += part;
    });
    this.child.stderr?.on("data", (part) => {
      this.stderr += part;
    });
    this.ended = once(this.child, "close").then(([code, signal]) => ({
      code,
      signal,
      ms: performance.now() - this.startedMs,
    }));
  }

  /** The next message that the fixture sends; its first is its port. */
  async message(): Promise<unknown> {
    const early = this.ended.then(({ code, signal }) => {
      throw new Error(`ended with ${code ?? signal} before its message\n${this.stderr}`);
    });
    const [message] = await Promise.race([once(this.child, "message"), early]);
    return message;
  }

  /** The base URL of a fixture that says its port. */
  async listening(): Promise<string> {
    return `http://127.0.0.1:${await this.message()}`;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await this.ended;
    clearTimeout(timer);
  }
}

/** The environment without what would change the agent under test. */
export function cleanEnv(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && !/^(OTEL_|TOCSIN_|NODE_OPTIONS|NODE_ENV|VITEST|SERVICE_VERSION)/.test(name),
  );
  return Object.fromEntries(entries) as Record<string, string>;
}
