// The main job from end to end: real services, real collector, real rollback. Run it with `npm run test:slow`.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { findShop, type Shop } from "../dist/cli/demo/find-shop.js";
import { type Started, startCollectorProcess, startShop } from "../dist/cli/demo/processes.js";
import type { ShopMessage } from "../dist/cli/demo/shop-message.js";

const bin = fileURLToPath(new URL("../bin/tocsin.js", import.meta.url));
const anyPorts = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"];
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-loop-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Every process that was started by this one, by its ancestors in /proc, as far as they live. */
async function descendantsOf(root: number): Promise<Set<number>> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const parent = /\) \S (\d+)/.exec(stat)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const found = new Set<number>();
  const visit = (pid: number): void => {
    for (const [child, parent] of parents) {
      if (parent !== pid || found.has(child)) continue;
      found.add(child);
      visit(child);
    }
  };
  visit(root);
  return found;
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

interface DemoLine {
  readonly kind: "addresses" | "chapter" | "end";
  readonly chapter?: string;
  readonly page?: string;
  readonly [field: string]: unknown;
}

/** The demo as a person starts it, its JSON lines as they come. */
function startDemo(args: readonly string[], onLine: (line: DemoLine) => void): ChildProcess {
  const child = spawn(process.execPath, [bin, "demo", "--json", ...anyPorts, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: child.stdout! }).on("line", (line) => onLine(JSON.parse(line) as DemoLine));
  closing.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
  return child;
}

async function get<T>(url: string, path: string): Promise<T> {
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

interface ServiceJson {
  readonly service: string;
  readonly trafficPerSecond: number;
  readonly errorRatio: number | null;
  readonly latencySeconds: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly saturation: { readonly ratio: number | null; readonly part: string | null };
}

interface SloJson {
  readonly name: string;
  readonly good: number;
  readonly total: number;
  readonly burnRates: Readonly<Record<string, number | null>>;
}

interface ActionJson {
  readonly id: string;
  readonly action: string;
  readonly state: string;
  readonly verdict: string | null;
  readonly attempts: number;
  readonly startedAt: string | null;
}

test("the loop closes by itself, in order, and leaves no process behind", { timeout: 300_000 }, async () => {
  const lines: DemoLine[] = [];
  const seen: { services?: ServiceJson[]; slos?: SloJson[]; actions?: ActionJson[] } = {};
  const processes = new Set<number>();
  let looking = Promise.resolve();
  let page = "";
  const demo = startDemo(["--once"], (line) => {
    lines.push(line);
    page = line.page ?? page;
    looking = looking.then(async () => {
      for (const pid of await descendantsOf(demo.pid!)) processes.add(pid);
      if (line.chapter === "healthy") seen.services = await get(page, "/api/v1/services");
      if (line.chapter === "page") seen.slos = await get(page, "/api/v1/slos");
      if (line.chapter === "rolled back") seen.actions = await get(page, "/api/v1/actions");
    });
  });
  const [code] = (await once(demo, "exit")) as [number | null];
  await looking;
  const chapters = lines.flatMap(({ chapter }) => chapter ?? []);
  expect(chapters.slice(0, 3)).toEqual(["healthy", "deploy", "first error"]);
  expect(new Set(chapters)).toEqual(
    new Set([
      "healthy",
      "deploy",
      "first error",
      "burn",
      "page",
      "rollback",
      "rolled back",
      "resolved",
      "verified",
    ]),
  );
  expect(lines.at(-1)).toMatchObject({
    kind: "end",
    closed: true,
    verdict: "helped",
    problem: null,
    secondsToWebhook: expect.any(Number),
    secondsToRecovery: expect.any(Number),
  });
  expect(code).toBe(0);
  for (const name of ["gateway", "checkout", "payments"]) {
    const service = seen.services?.find((each) => each.service === name);
    expect(service, name).toMatchObject({
      trafficPerSecond: expect.any(Number),
      errorRatio: 0,
      latencySeconds: { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) },
      saturation: { ratio: expect.any(Number), part: expect.any(String) },
    });
    expect(service?.trafficPerSecond).toBeGreaterThan(0);
  }
  expect(
    Math.max(...Object.values(seen.slos?.[0]?.burnRates ?? {}).map((rate) => rate ?? 0)),
  ).toBeGreaterThan(1);
  expect(seen.actions).toMatchObject([{ action: "rollback-checkout", attempts: 1 }]);
  // Collector and its engine, shop, three services and the replaced one.
  expect(processes.size).toBeGreaterThanOrEqual(6);
  await expect.poll(() => [...processes].filter(isAlive), { timeout: 15_000 }).toEqual([]);
});

test.each(["SIGTERM", "SIGKILL"] as const)(
  "a demo that gets %s leaves no process",
  { timeout: 120_000 },
  async (signal) => {
    let onReady = (): void => {};
    const ready = new Promise<void>((resolve) => {
      onReady = resolve;
    });
    const demo = startDemo([], ({ chapter }) => chapter === "healthy" && onReady());
    await ready;
    const processes = await descendantsOf(demo.pid!);
    expect(processes.size).toBeGreaterThanOrEqual(6);
    demo.kill(signal);
    await once(demo, "exit");
    await expect.poll(() => [...processes].filter(isAlive), { timeout: 20_000, interval: 200 }).toEqual([]);
  },
);

/** Shop and collector as the demo starts them, for tests that do things to them on the way. */
async function startStory() {
  const shop = findShop() as Shop;
  const messages: ShopMessage[] = [];
  const shopProcess = startShop(shop, (message) => messages.push(message));
  closing.push(() => shopProcess.stop());
  const heard = async <Kind extends ShopMessage["kind"]>(
    kind: Kind,
  ): Promise<Extract<ShopMessage, { kind: Kind }>> => {
    await expect
      .poll(() => messages.some((message) => message.kind === kind), { timeout: 60_000 })
      .toBe(true);
    return messages.find((message) => message.kind === kind) as Extract<ShopMessage, { kind: Kind }>;
  };
  const ready = await heard("ready");
  const dataDir = await temporaryFolder();
  const env = { ...process.env, SHOP_DEPLOYER_URL: ready.deployerUrl, SHOP_PAGER_URL: ready.pagerUrl };
  const up = async (flags: readonly string[]) => {
    const started = await startCollectorProcess({ config: shop.config, dataDir, flags, env });
    closing.push(() => (started as Started).stop());
    return started;
  };
  const collector = await up(anyPorts);
  shopProcess.open(collector.otlpUrl);
  await heard("open");
  const deploy = async (version: string): Promise<void> => {
    const response = await fetch(`${ready.deployerUrl}/deploy`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ service: "checkout", version }),
    });
    expect(response.status).toBe(200);
  };
  return { messages, heard, collector, up, deploy };
}

test("a trace of one payment spans the three services, and its log lines carry its id", {
  timeout: 120_000,
}, async () => {
  const { collector } = await startStory();
  type Found = { traces: { traceId: string }[] };
  let traceId = "";
  await expect
    .poll(
      async () => {
        const found = await get<Found>(collector.url, "/api/v1/traces?service=payments&limit=1").catch(
          () => undefined,
        );
        traceId = found?.traces[0]?.traceId ?? "";
        return traceId;
      },
      { timeout: 60_000, interval: 500 },
    )
    .toMatch(/^[0-9a-f]{32}$/);
  type Trace = { spans: { service: string }[] };
  const services = async () =>
    new Set(
      (await get<Trace>(collector.url, `/api/v1/traces/${traceId}`)).spans.map(({ service }) => service),
    );
  await expect
    .poll(services, { timeout: 20_000, interval: 500 })
    .toEqual(new Set(["gateway", "checkout", "payments"]));
  type Logs = { logs: { service: string; body: string; traceId: string }[] };
  const logs = async () => (await get<Logs>(collector.url, `/api/v1/logs?trace_id=${traceId}`)).logs;
  await expect
    .poll(async () => new Set((await logs()).map(({ body }) => body)), { timeout: 20_000, interval: 500 })
    .toEqual(new Set(["payment asked for", "order paid", "charged"]));
  expect(new Set((await logs()).map((log) => log.traceId))).toEqual(new Set([traceId]));
});

test("kill -9 of the collector after the rollback began: nothing is forgotten, nothing done twice", {
  timeout: 240_000,
}, async () => {
  const { messages, collector, up, deploy } = await startStory();
  const slo = async (url: string): Promise<SloJson> =>
    (await get<SloJson[]>(url, "/api/v1/slos")).find(({ name }) => name === "checkout-availability")!;
  await expect
    .poll(async () => (await slo(collector.url)).total, { timeout: 60_000, interval: 500 })
    .toBeGreaterThan(600);
  await deploy("1.42.0");
  const actions = (url: string) => get<ActionJson[]>(url, "/api/v1/actions");
  let started: ActionJson | undefined;
  await expect
    .poll(
      async () => {
        started = (await actions(collector.url)).find(({ startedAt }) => startedAt !== null);
        return started?.state;
      },
      { timeout: 60_000, interval: 50 },
    )
    .toMatch(/^(acting|verifying)$/);
  const before = await slo(collector.url);
  process.kill(collector.pid, "SIGKILL");
  await (collector as Started).ended;
  const ports = { page: new URL(collector.url).port, otlp: new URL(collector.otlpUrl).port };
  const again = await up(["--port", ports.page, "--otlp-http-port", ports.otlp, "--otlp-grpc-port", "0"]);

  const after = await slo(again.url);
  expect(after.total).toBeGreaterThanOrEqual(before.total);
  expect(after.total - after.good).toBeGreaterThanOrEqual(before.total - before.good);
  expect(await actions(again.url)).toMatchObject([{ id: started!.id, action: "rollback-checkout" }]);
  await expect
    .poll(async () => (await actions(again.url)).map(({ state, verdict }) => `${state} ${verdict}`), {
      timeout: 90_000,
      interval: 500,
    })
    .toEqual(["done helped"]);
  const rollbacks = messages.filter(
    (message) => message.kind === "deployed" && message.what === "rollback" && message.phase === "begun",
  );
  expect(rollbacks).toHaveLength(1);
});
