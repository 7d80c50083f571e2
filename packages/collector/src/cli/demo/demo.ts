import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, type CommandIo, ExitCode, UsageError } from "../command.js";
import { parseFlags } from "../flags.js";
import { look } from "./collector-view.js";
import { findShop, type Shop } from "./find-shop.js";
import { type Started, startCollectorProcess, startShop } from "./processes.js";
import type { ShopMessage } from "./shop-message.js";
import { hear, isClosed, measured, missing, type Story, see, type Told } from "./story.js";

const FLAGS = {
  once: { type: "boolean" },
  json: { type: "boolean" },
  data: { type: "string" },
  port: { type: "string" },
  "otlp-http-port": { type: "string" },
  "otlp-grpc-port": { type: "string" },
} as const;

/** How long the shop is watched in health before the bad version goes out: what came before is the comparison. */
const BASELINE_MS = 25_000;
/** Longest time from the start to each of: healthy, and from there to the end of the story. */
const HEALTHY_WITHIN_MS = 90_000;
const CLOSED_WITHIN_MS = 240_000;
const LOOK_MS = 500;

const BAD_VERSION = "1.42.0";

export const demo: Command = {
  name: "demo",
  help: `tocsin demo [flags]

Runs a collector, the example shop (three express services) and a load; deploys a bad version and tells what happens:
healthy, deploy, burn, page, rollback, verified, resolved. Goes on running until Ctrl-C.

  --once               end after the story: exit 0 when the loop closed, 1 when it did not
  --json               tell it in JSON lines
  --data DIR           keep the collector's data there (default: a temporary folder, removed at the end)
  --port N             page and APIs (default 4319)
  --otlp-http-port N   OTLP/HTTP (default 4318)
  --otlp-grpc-port N   OTLP/gRPC (default 4317)

Port 0 takes any free one.`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    if (positionals.length > 0) throw new UsageError(`Unexpected "${positionals[0]}".`);
    const shop = findShop();
    if (typeof shop === "string") throw new Error(shop);
    const dataDir = flags.data ?? (await mkdtemp(join(tmpdir(), "tocsin-demo-")));
    try {
      return await play(shop, { flags, dataDir }, io);
    } finally {
      if (flags.data === undefined) await rm(dataDir, { recursive: true, force: true });
    }
  },
};

interface PlayOptions {
  readonly flags: ReturnType<typeof parseFlags<typeof FLAGS>>["flags"];
  readonly dataDir: string;
}

async function play(shop: Shop, { flags, dataDir }: PlayOptions, io: CommandIo): Promise<number> {
  const teller = createTeller(io, flags.json === true);
  const running: Started[] = [];
  let story: Story = {};
  const apply = ({ story: next, told }: { story: Story; told: Told[] }): void => {
    story = next;
    for (const each of told) teller.told(each);
  };
  const inbox = createInbox((message) => apply(hear(story, message)));
  try {
    teller.say("Three services, one bad deploy, nobody's hands. Ctrl-C stops everything.");
    teller.say(
      "The SLO has a window of 2 hours instead of 30 days, so that the story takes a minute or two.",
    );
    const shopProcess = startShop(shop, inbox.put);
    running.push(shopProcess);
    const ready = await inbox.first("ready", [shopProcess], io.signal);
    const collector = await startCollectorProcess({
      config: shop.config,
      dataDir,
      flags: portFlags(flags),
      env: { ...io.env, SHOP_DEPLOYER_URL: ready.deployerUrl, SHOP_PAGER_URL: ready.pagerUrl },
    });
    running.push(collector);
    teller.addresses({ page: collector.url, deployer: ready.deployerUrl, otlp: collector.otlpUrl });
    shopProcess.open(collector.otlpUrl);
    await inbox.first("open", running, io.signal);
    const failure = failureOf(running, inbox);
    const until = (isThere: () => boolean, withinMs: number): Promise<boolean> =>
      watch({ isThere, withinMs, failure, signal: io.signal }, async () => {
        const view = await look(collector.url, io.signal);
        if (view) apply(see(story, view));
      });

    let isGood = await until(() => story.healthyAtMs !== undefined, HEALTHY_WITHIN_MS);
    if (isGood) {
      const deployAtMs = Date.now() + BASELINE_MS;
      await until(() => Date.now() >= deployAtMs, BASELINE_MS + LOOK_MS);
      await deploy(ready.deployerUrl, io.signal);
      isGood = await until(() => isClosed(story), CLOSED_WITHIN_MS);
    }
    teller.ended(story, isGood ? undefined : missing(story));
    if (flags.once || io.signal.aborted) return isGood ? ExitCode.good : ExitCode.findings;
    teller.say(`It goes on running: ${collector.url} until Ctrl-C.`);
    await until(() => false, Number.POSITIVE_INFINITY);
    return isGood ? ExitCode.good : ExitCode.findings;
  } catch (thrown) {
    if (io.signal.aborted) return ExitCode.findings;
    throw thrown;
  } finally {
    for (const process of running.reverse()) await process.stop();
  }
}

function portFlags(flags: PlayOptions["flags"]): string[] {
  return (["port", "otlp-http-port", "otlp-grpc-port"] as const).flatMap((name) =>
    flags[name] === undefined ? [] : [`--${name}`, flags[name]],
  );
}

async function deploy(deployerUrl: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${deployerUrl}/deploy`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ service: "checkout", version: BAD_VERSION }),
    signal,
  });
  if (!response.ok) throw new Error(`The deployer answered ${response.status}: ${await response.text()}`);
}

/** Messages of the shop: each is heard at once, and some are waited for. */
function createInbox(onMessage: (message: ShopMessage) => void) {
  const seen: ShopMessage[] = [];
  const waiting = new Set<() => void>();
  return {
    put(message: ShopMessage): void {
      // Reports come twice a second for as long as the demo runs; only the others are kept.
      if (message.kind !== "load") seen.push(message);
      onMessage(message);
      for (const wake of waiting) wake();
    },
    failure: () => seen.find((message) => message.kind === "failed")?.reason,
    first<Kind extends ShopMessage["kind"]>(
      kind: Kind,
      processes: readonly Started[],
      signal: AbortSignal,
    ): Promise<Extract<ShopMessage, { kind: Kind }>> {
      return new Promise((resolve, reject) => {
        const check = (): void => {
          const found = seen.find((message) => message.kind === kind);
          const failed = seen.find((message) => message.kind === "failed");
          if (found) resolve(found as Extract<ShopMessage, { kind: Kind }>);
          else if (failed) reject(new Error(failed.reason));
          else return;
          waiting.delete(check);
        };
        waiting.add(check);
        check();
        for (const { ended } of processes) void ended.then((words) => reject(new Error(words)));
        signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
      });
    },
  };
}

/** Why the story cannot go on: a process ended, or the shop says so. */
function failureOf(
  processes: readonly Started[],
  inbox: { failure(): string | undefined },
): () => string | undefined {
  let words: string | undefined;
  for (const { ended } of processes) {
    void ended.then((said) => {
      words ??= said;
    });
  }
  return () => words ?? inbox.failure();
}

/** Looks twice a second until it is there, the time is up, or someone wants to stop. */
async function watch(
  options: {
    readonly isThere: () => boolean;
    readonly withinMs: number;
    readonly failure: () => string | undefined;
    readonly signal: AbortSignal;
  },
  step: () => Promise<void>,
): Promise<boolean> {
  const deadlineMs = Date.now() + options.withinMs;
  while (!options.signal.aborted) {
    const failure = options.failure();
    if (failure !== undefined) throw new Error(failure);
    await step();
    if (options.isThere()) return true;
    if (Date.now() >= deadlineMs) return false;
    await pause(LOOK_MS, options.signal);
  }
  return false;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** The story on the terminal, or as JSON lines. */
function createTeller(io: CommandIo, isJson: boolean) {
  const line = (json: object, text: string): void =>
    io.out(isJson ? `${JSON.stringify(json)}\n` : `${text}\n`);
  return {
    say: (text: string) => (isJson ? undefined : io.out(`${text}\n`)),
    addresses: (addresses: { page: string; deployer: string; otlp: string }) =>
      line(
        { kind: "addresses", ...addresses },
        `\npage      ${addresses.page}\ndeployer  ${addresses.deployer}  (POST /deploy /rollback /scale, GET /state)\n`,
      ),
    told: ({ atMs, chapter, text }: Told) =>
      line(
        { kind: "chapter", at: new Date(atMs).toISOString(), chapter, text },
        `${clock(atMs)}  ${chapter.padEnd(12)} ${text}`,
      ),
    ended(story: Story, problem: string | undefined): void {
      const numbers = measured(story);
      const text =
        problem === undefined
          ? `\nThe loop closed. From the first bad request: webhook after ${numbers.secondsToWebhook} s, recovery after ${numbers.secondsToRecovery} s, verdict after ${numbers.secondsToVerdict} s.`
          : `\nThe loop did not close: ${problem}.`;
      line({ kind: "end", ...numbers, problem: problem ?? null }, text);
    },
  };
}

function clock(atMs: number): string {
  const date = new Date(atMs);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}
