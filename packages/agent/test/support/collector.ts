import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanEnv } from "./service.js";

/** The `tocsin` command of this repository. */
export const TOCSIN = fileURLToPath(new URL("../../../collector/bin/tocsin.js", import.meta.url));

/** Whether there is a collector to test with. */
export const HAS_COLLECTOR = existsSync(TOCSIN);

// biome-ignore lint/suspicious/noExplicitAny: answers are as the API gives them.
export type Json = any;

/** A real collector in a process of its own, on free ports, with its data in a folder that goes with it. */
export class RunningCollector {
  private readonly child: ChildProcess;
  private readonly dir: string;
  /** Base of its API. */
  readonly api: string;
  /** Where OTLP over HTTP goes. */
  readonly otlpUrl: string;

  private constructor(child: ChildProcess, dir: string, bound: { port: number; otlpHttpPort: number }) {
    this.child = child;
    this.dir = dir;
    this.api = `http://127.0.0.1:${bound.port}`;
    this.otlpUrl = `http://127.0.0.1:${bound.otlpHttpPort}`;
  }

  static async start(): Promise<RunningCollector> {
    const dir = mkdtempSync(join(tmpdir(), "tocsin-collector-"));
    const ports = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"];
    const child = spawn(process.execPath, [TOCSIN, "up", ...ports, "--data", dir, "--json"], {
      cwd: dir,
      env: cleanEnv(),
      stdio: ["ignore", "pipe", "ignore"],
    });
    return new RunningCollector(child, dir, JSON.parse(await firstLine(child)));
  }

  /** Asks until the answer has what is looked for; the collector takes a moment to store. */
  async ask(path: string, look: (answer: Json) => Json): Promise<Json> {
    const endMs = performance.now() + 30_000;
    for (let last: Json; ; ) {
      const answer = await fetch(this.api + path);
      if (answer.ok) {
        last = await answer.json();
        const found = look(last);
        if (found) return found;
      }
      if (performance.now() > endMs)
        throw new Error(`not in ${path}: ${JSON.stringify(last)?.slice(0, 2000)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async close(): Promise<void> {
    const ended = once(this.child, "close");
    this.child.kill();
    await ended;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const part of child.stdout ?? []) {
    text += part;
    if (text.includes("\n")) return text.split("\n", 1)[0] ?? "";
  }
  throw new Error("the collector said nothing");
}
