import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cleanEnv, Service } from "./support/service.js";

const TOCSIN = fileURLToPath(new URL("../../collector/bin/tocsin.js", import.meta.url));

const execute = promisify(execFile);

// biome-ignore lint/suspicious/noExplicitAny: answers are as the API gives them.
type Json = any;

describe.skipIf(!existsSync(TOCSIN))("with a real collector", () => {
  let dir: string;
  let collector: ChildProcess;
  let service: Service;
  let api: string;
  let url: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "tocsin-collector-"));
    const ports = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"];
    collector = spawn(process.execPath, [TOCSIN, "up", ...ports, "--data", dir, "--json"], {
      cwd: dir,
      env: cleanEnv(),
      stdio: ["ignore", "pipe", "ignore"],
    });
    const bound = JSON.parse(await firstLine(collector)) as { port: number; otlpHttpPort: number };
    api = `http://127.0.0.1:${bound.port}`;
    service = new Service("express-app.cjs", `http://127.0.0.1:${bound.otlpHttpPort}`, {
      env: { OTEL_SERVICE_NAME: "shop", SERVICE_VERSION: "1.42.0" },
    });
    url = await service.listening();
    await Promise.all(Array.from({ length: 10 }, (_, id) => fetch(`${url}/orders/${id}`)));
    await fetch(`${url}/fail`);
  }, 60_000);

  afterAll(async () => {
    await service?.stop();
    const ended = once(collector, "close");
    collector.kill();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });

  /** Asks until the answer has what is looked for; the collector takes a moment to store. */
  async function ask(path: string, look: (answer: Json) => Json): Promise<Json> {
    const endMs = performance.now() + 30_000;
    for (let last: Json; ; ) {
      const answer = await fetch(api + path);
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

  test("the golden signals of the service are there, from unsampled metrics", async () => {
    const shop = await ask("/api/v1/services", (answer) =>
      (answer.services ?? answer).find(
        (one: Json) =>
          one.service === "shop" && one.trafficPerSecond > 0 && one.errorRatio > 0 && one.saturation,
      ),
    );
    expect(shop).toMatchObject({ version: "1.42.0" });
    expect(shop.latencySeconds.p99).toBeGreaterThan(0);
    expect(shop.saturation.ratio).toBeGreaterThanOrEqual(0);
  });

  test("one trace holds the request, its client call and what that reached", async () => {
    const found = await ask("/api/v1/traces?service=shop&limit=100", (answer) =>
      (answer.traces ?? answer).find((one: Json) => JSON.stringify(one).includes("GET /orders/:id")),
    );
    const spans = await ask(`/api/v1/traces/${found.traceId}`, (answer) => {
      const list = answer.spans ?? answer;
      return list.length >= 3 && list;
    });
    expect(spans.map(({ name }: Json) => name).sort()).toEqual(["GET", "GET /orders/:id", "GET /stock"]);
  });

  test("`tocsin doctor` tells what the agent watches", async () => {
    await ask("/prometheus/api/v1/query?query=tocsin_agent_library", ({ data }) => data.result.length > 0);
    const { stdout } = await execute(process.execPath, [TOCSIN, "doctor", "--url", api, "--json"], {
      env: cleanEnv(),
    });
    const told = JSON.parse(stdout).find(({ text }: Json) => text.includes('service "shop"'));
    expect(told).toMatchObject({ level: "ok" });
    expect(told.text).toMatch(/watches express .*http .*pino prom-client/);
  });

  test("the log lines of the service are there, with their trace ids", async () => {
    const log = await ask("/api/v1/logs?service=shop&limit=100", (answer) =>
      (answer.logs ?? answer).find((one: Json) => JSON.stringify(one).includes("order served")),
    );
    expect(log.traceId).toMatch(/^[0-9a-f]{32}$/);
  });
});

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const part of child.stdout ?? []) {
    text += part;
    if (text.includes("\n")) return text.split("\n", 1)[0] ?? "";
  }
  throw new Error("the collector said nothing");
}
