// Services that are full on purpose, by the agent and by stock OpenTelemetry, in a real collector's eyes.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cleanEnv, FIXTURES, Service } from "./support/service.js";

const TOCSIN = fileURLToPath(new URL("../../collector/bin/tocsin.js", import.meta.url));
const STOCK = ["--require", `${FIXTURES}stock-runtime.cjs`];

interface Reading {
  readonly part: string;
  readonly ratio: number;
  readonly value: number;
  readonly metric: string;
  readonly name: string;
}

interface Saturation {
  readonly part: string | null;
  readonly instance: string | null;
  readonly inFlight: number | null;
  readonly readings: readonly Reading[];
}

describe.skipIf(!existsSync(TOCSIN))("how full a service is", () => {
  const dir = mkdtempSync(join(tmpdir(), "tocsin-saturation-"));
  let collector: ChildProcess;
  let api: string;
  let otlp: string;

  beforeAll(async () => {
    const ports = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"];
    const args = [TOCSIN, "up", ...ports, "--data", dir, "--json"];
    collector = spawn(process.execPath, args, {
      cwd: dir,
      env: cleanEnv(),
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [line] = await once(createInterface(collector.stdout!), "line");
    const bound = JSON.parse(String(line)) as { port: number; otlpHttpPort: number };
    api = `http://127.0.0.1:${bound.port}`;
    otlp = `http://127.0.0.1:${bound.otlpHttpPort}`;
  }, 60_000);

  afterAll(async () => {
    const ended = once(collector, "close");
    collector.kill();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });

  /** Starts a service and gives what the collector says of it once `look` is content. */
  async function saturationOf(
    name: string,
    options: { busy?: string; stock?: boolean; env?: Record<string, string>; started?(pid: number): void },
    look: (parts: ReadonlyMap<string, Reading>) => boolean,
  ): Promise<{ saturation: Saturation; parts: ReadonlyMap<string, Reading> }> {
    const env = {
      ...{ OTEL_SERVICE_NAME: name, BUSY: options.busy ?? "", OTEL_METRIC_EXPORT_INTERVAL: "500" },
      ...{ OTEL_METRIC_EXPORT_TIMEOUT: "400", ...options.env },
    };
    const service = new Service("busy.cjs", otlp, { env, ...(options.stock && { nodeArgs: STOCK }) });
    try {
      return await seen(service, name, options, look);
    } finally {
      // What is full on purpose must not slow down the next one.
      await service.stop();
    }
  }

  async function seen(
    service: Service,
    name: string,
    options: { started?(pid: number): void },
    look: (parts: ReadonlyMap<string, Reading>) => boolean,
  ): Promise<{ saturation: Saturation; parts: ReadonlyMap<string, Reading> }> {
    const url = await service.listening();
    options.started?.(service.child.pid ?? 0);
    const endMs = performance.now() + 30_000;
    for (;;) {
      await fetch(url).then((answer) => answer.text());
      const all = (await (await fetch(`${api}/api/v1/services`)).json()) as {
        service: string;
        saturation: Saturation;
      }[];
      const saturation = all.find((each) => each.service === name)?.saturation;
      const parts = new Map(saturation?.readings.map((reading) => [reading.part, reading]));
      if (saturation && look(parts)) return { saturation, parts };
      if (performance.now() > endMs) throw new Error(`${name} is seen as ${JSON.stringify(saturation)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  const over = (part: string, ratio: number) => (parts: ReadonlyMap<string, Reading>) =>
    (parts.get(part)?.ratio ?? -1) > ratio;

  describe("by the agent", () => {
    test("tells every part of an idle service, none of them full", async () => {
      const { parts } = await saturationOf("idle", {}, (told) => told.size >= 7);
      for (const part of [
        "event loop",
        "event loop delay",
        "cpu",
        "memory",
        "heap",
        "requests in flight",
        "thread pool",
      ]) {
        expect([...parts.keys()]).toContain(part);
      }
      // A sampler that sleeps 20 ms at least is no delay of 20 ms.
      expect(parts.get("event loop delay")!.value).toBeLessThan(0.25);
    }, 60_000);

    test.each<{ busy: string; part: string; ratio: number; temporality?: string }>([
      { busy: "loop", part: "event loop", ratio: 0.15 },
      { busy: "loop", part: "event loop delay", ratio: 0.1 },
      { busy: "pool", part: "thread pool", ratio: 0.2 },
      { busy: "pool", part: "cpu", ratio: 0.2 },
      { busy: "garbage", part: "garbage collection", ratio: 0.02 },
      { busy: "garbage", part: "garbage collection", ratio: 0.02, temporality: "delta" },
      { busy: "waiting", part: "requests in flight", ratio: 0.049 },
      { busy: "database", part: "connection pool", ratio: 1.49 },
    ])(
      "names the $part of a service that is busy with $busy",
      async ({ busy, part, ratio, temporality = "cumulative" }) => {
        const name = `${busy}-${part.replaceAll(" ", "-")}-${temporality}`;
        const env = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: temporality };
        const { saturation, parts } = await saturationOf(name, { busy, env }, over(part, ratio));
        expect(parts.get(part)!.ratio).toBeGreaterThan(ratio);
        expect(saturation.instance).not.toBe("");
        if (part === "connection pool") expect(parts.get(part)).toMatchObject({ name: "orders", value: 15 });
        if (part === "requests in flight") expect(saturation.inFlight).toBeGreaterThanOrEqual(50);
      },
      60_000,
    );
  });

  describe("by stock OpenTelemetry", () => {
    test.each([
      { busy: "loop", part: "event loop", ratio: 0.15 },
      { busy: "loop", part: "event loop delay", ratio: 0.1 },
      { busy: "garbage", part: "garbage collection", ratio: 0.02 },
      { busy: "database", part: "connection pool", ratio: 1.49 },
    ])(
      "names the $part of a service that is busy with $busy",
      async ({ busy, part, ratio }) => {
        const name = `stock-${busy}-${part.replaceAll(" ", "-")}`;
        const { parts } = await saturationOf(name, { busy, stock: true }, over(part, ratio));
        // What it calls the limit of the heap is what each space has taken so far.
        expect([...parts.keys()]).not.toContain("heap");
      },
      60_000,
    );
  });

  const CGROUP = "/sys/fs/cgroup/cpu";
  const canLimit = existsSync(join(CGROUP, "cpu.cfs_quota_us")) && process.getuid?.() === 0;
  test.skipIf(!canLimit)(
    "a CPU quota that holds a service back is told",
    async () => {
      const group = join(CGROUP, `tocsin-test-${process.pid}`);
      mkdirSync(group);
      try {
        writeFileSync(join(group, "cpu.cfs_period_us"), "20000");
        writeFileSync(join(group, "cpu.cfs_quota_us"), "10000");
        const options = {
          busy: "pool",
          started: (pid: number) => writeFileSync(join(group, "cgroup.procs"), String(pid)),
        };
        const { parts } = await saturationOf("throttled", options, over("cpu throttling", 0.5));
        expect(readFileSync(join(group, "cpu.stat"), "utf8")).toMatch(/nr_throttled [1-9]/);
        expect(parts.get("cpu throttling")).toMatchObject({ metric: "tocsin.process.cpu.throttled_periods" });
      } finally {
        rmdirSync(group);
      }
    },
    60_000,
  );
});
