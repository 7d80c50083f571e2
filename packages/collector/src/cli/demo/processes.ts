import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Shop } from "./find-shop.js";
import type { ShopMessage } from "./shop-message.js";

/** What `tocsin up --json` says of itself. */
export interface CollectorAddress {
  readonly url: string;
  readonly otlpUrl: string;
  readonly pid: number;
}

/** A process that the demo started. */
export interface Started {
  readonly pid: number | undefined;
  /** Resolves with the words for its end, whenever and why ever that is. */
  readonly ended: Promise<string>;
  /** Asks it to end, and kills it when it has not in time. Ends this process only. */
  stop(): Promise<void>;
}

const STOP_MS = 10_000;

/** The shop with its platform and load; it talks over the channel between the processes. */
export function startShop(shop: Shop, onMessage: (message: ShopMessage) => void) {
  const child = fork(shop.main, [], { execArgv: [], stdio: ["ignore", "ignore", "pipe", "ipc"] });
  child.on("message", (message) => onMessage(message as ShopMessage));
  return {
    ...started(child, "the shop"),
    open: (tocsinUrl: string): void => {
      if (child.connected) child.send({ kind: "open", tocsinUrl });
    },
  };
}

/** A collector by its public command. Its data lies in `dataDir`, so that it can be started again on it. */
export async function startCollectorProcess(options: {
  readonly config: string;
  readonly dataDir: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}): Promise<Started & CollectorAddress> {
  const bin = fileURLToPath(new URL("../../../bin/tocsin.js", import.meta.url));
  const watch = new URL("./end-with-parent.js", import.meta.url).href;
  const args = ["up", "--json", "--config", options.config, "--data", options.dataDir, ...options.flags];
  const child = fork(bin, args, {
    execArgv: ["--import", watch],
    env: { ...options.env, TOCSIN_LOG: options.env.TOCSIN_LOG ?? "warn" },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A process group of its own: Ctrl-C reaches the demo, which then ends everything in order.
    detached: true,
  });
  const process = started(child, "the collector");
  try {
    const address = await readAddress(child, process.ended);
    return { ...process, ...address };
  } catch (thrown) {
    await process.stop();
    throw thrown;
  }
}

async function readAddress(child: ChildProcess, ended: Promise<string>): Promise<CollectorAddress> {
  if (!child.stdout) throw new Error("The collector has no output.");
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    once(lines, "line").then(([text]) => String(text)),
    ended.then((words) => Promise.reject(new Error(words))),
  ]);
  const said = JSON.parse(line) as { url: string; pid: number; otlpHttpPort: number };
  return { url: said.url, pid: said.pid, otlpUrl: `http://127.0.0.1:${said.otlpHttpPort}` };
}

function started(child: ChildProcess, name: string): Started {
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-4_000);
  });
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(`${name} could not be started: ${error.message}`));
    child.on("exit", (code, signal) => {
      const why = signal === null ? `exit code ${code}` : signal;
      resolve(`${name} ended (${why}).${tail === "" ? "" : ` It said:\n${tail.trimEnd()}`}`);
    });
  });
  return {
    pid: child.pid,
    ended,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
