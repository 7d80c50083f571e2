import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

/** Whether there is a Prometheus server on this machine; says so where there is none. */
export function hasPrometheus(): boolean {
  try {
    execFileSync("prometheus", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("SKIPPED: there is no `prometheus` on this machine (Debian: apt-get install prometheus).");
    return false;
  }
}

/** A port that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A real Prometheus; files that its configuration names lie in `dir`. */
export class PrometheusServer {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Returns before it is ready. */
  static async start(options: {
    readonly dir: string;
    readonly port: number;
    readonly config: object;
    readonly args: readonly string[];
  }): Promise<PrometheusServer> {
    const { dir, port, config, args } = options;
    const file = join(dir, "prometheus.yml");
    await writeFile(file, JSON.stringify(config));
    const common = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(dir, "tsdb")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ];
    return new PrometheusServer(spawn("prometheus", [...common, ...args], { stdio: "ignore" }));
  }

  /** Callable twice. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    this.#child.kill(signal);
    await once(this.#child, "exit");
  }
}
