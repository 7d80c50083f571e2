import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, type Logger, messageOf } from "@tocsin/model";
import { collectDefaultMetrics, Registry } from "prom-client";
import type { Address } from "./api/listen.js";
import { Authenticator } from "./auth/authenticator.js";
import { readTokens } from "./auth/tokens.js";
import type { Parts } from "./config/mode.js";
import { refuseOpenAddresses } from "./config/open-address.js";
import type { Setup } from "./config/setup.js";
import { CollectorError } from "./errors.js";
import { letHeapGrow } from "./heap-policy.js";
import { createApi, openApi } from "./parts/api.js";
import { Closers } from "./parts/closers.js";
import { openDoors } from "./parts/doors.js";
import { forwardConsumers, forwardTargets } from "./parts/forward-targets.js";
import type { Keep } from "./parts/keep.js";
import type { Memory } from "./parts/memory.js";
import { remoteWriteConsumer, remoteWriteTargets } from "./parts/metrics-engine.js";
import type { PartContext } from "./parts/parts.js";
import { Reloading } from "./parts/reloading.js";
import { type PipelineOptions, SignalsPipeline } from "./pipeline.js";
import { signalsOptions } from "./signals/config.js";
import { SenderClocks } from "./signals/sender-clocks.js";
import { Signals } from "./signals/signals.js";
import { Spool } from "./spool/index.js";

export interface CollectorOptions {
  readonly setup: Setup;
  /** Reads the configuration again for a reload of the parts that run; throws what is wrong with it. */
  readonly readSetup: (running: Parts) => Promise<Setup>;
  /** For what the configuration reads from the environment while running, such as Kubernetes's addresses. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The addresses that a collector bound, with the ports that were given to it. */
export interface Bound {
  readonly api: Address;
  readonly otlpHttp: Address;
  readonly otlpGrpc: Address;
}

/** A running collector. */
export interface Collector {
  readonly bound: Bound;
  /**
   * Reads the configuration again and takes what may change while running: SLOs, rules, routes and scrape jobs. The rest
   * is taken at the next start. A faulty configuration changes nothing.
   *
   * @throws {CollectorError} CONFIG_INVALID with every fault, CONFIG_UNREADABLE, CONFIG_NEEDS_RESTART
   */
  reload(): Promise<void>;
  /** Ends intake, lets what was accepted through, then stops. Callable twice. */
  close(): Promise<void>;
}

/** A sidecar keeps less of the spool in memory: a reader that falls behind reads the disk. */
const SIDECAR_TAIL_BYTES = 4 * 1024 * 1024;

/** How long the start waits for the store, so that who starts a collector finds it whole; intake needs no store. */
const STORE_PATIENCE_MS = 15_000;

/**
 * Starts every part in the order in which data flows, and stops them in reverse.
 *
 * @throws {CollectorError} CONFIG_INVALID for an open address that nothing guards; RECEIVE_LISTEN_FAILED
 */
export async function startCollector(options: CollectorOptions): Promise<Collector> {
  const { config } = options.setup;
  refuseOpenAddresses(config);
  if (config.mode !== "sidecar") letHeapGrow();
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const closers = new Closers();
  const close = () =>
    closers.close((part, error) =>
      options.logger.error({ part, error: messageOf(error) }, "a part did not end as it should"),
    );
  try {
    return { ...(await startParts({ ...options, config, registry, closers }, options.readSetup)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(
  context: PartContext,
  readSetup: CollectorOptions["readSetup"],
): Promise<Omit<Collector, "close">> {
  const { setup, config, clock, logger, registry, closers, dataDir } = context;
  const { parts } = setup;
  const authenticator = new Authenticator(await readTokens(config.auth));
  const store = config.store === "none" || !parts.store ? undefined : config.store;
  const forwarding = forwardTargets(config);
  const forwardReaders = forwardConsumers(config);
  const remoteWrite = remoteWriteTargets(config);
  if (config.mode === "sidecar" && forwarding.length + remoteWrite.length === 0) {
    logger.warn(
      { mode: config.mode },
      "nothing is passed on: this sidecar only counts. Tell it where to with --forward URL or forward.endpoints",
    );
  }
  const tailBytes =
    config.mode === "sidecar" ? Math.min(config.spool.memory, SIDECAR_TAIL_BYTES) : config.spool.memory;
  const spool = closers.add(
    "spool",
    await Spool.open({
      dir: join(dataDir, "spool"),
      consumers: [
        "signals",
        ...(setup.watch ? ["head"] : []),
        ...(store ? ["store"] : []),
        ...forwardReaders.consumers,
        ...remoteWrite.map(({ name }) => remoteWriteConsumer(name)),
      ],
      sharers: forwardReaders.sharers,
      maxBytes: config.spool.max_size,
      segmentBytes: config.spool.segment_size,
      tailBytes,
      // What signals and rules have not seen yet must fit in memory: from the disk they would read it slower still.
      pace: { consumers: ["signals", "head"], maxLagBytes: 0.75 * tailBytes },
      durability: config.spool.durability,
      clock,
      logger,
      registry,
    }),
  );
  // The code of a part is loaded where the part is started, and nowhere else: see config/mode.ts.
  const watching = setup.watch && (await import("./parts/watching.js"));
  const memory =
    setup.watch &&
    watching?.createMemory(context, {
      setup: setup.watch,
      spool,
      history: () => keep?.store()?.history,
      storeFault: () => keep?.fault(),
    });
  let headLoaded: () => void = () => {};
  const loaded = new Promise<void>((resolve) => {
    headLoaded = resolve;
  });
  const keep: Keep | undefined =
    store &&
    memory &&
    (await import("./parts/keep.js")).createKeep(context, store, spool.consumer("store"), {
      source: memory.head,
      loaded,
    });
  const signals = memory?.signals ?? new Signals(signalsOptions(config));
  const clocks = new SenderClocks();
  const readsSamples = memory !== undefined || remoteWrite.length > 0;
  const readSamples = readsSamples
    ? (await import("./signals/sample-metrics.js")).metricsOfSamples
    : undefined;
  const pipeline = closers.add(
    "pipeline",
    await openPipeline(context, { signals, clocks, memory, spool, readSamples }),
  );
  if (memory) await watching?.startHead(context, memory.head, spool.consumer("head"));
  headLoaded();
  const api = await openApi(context);
  const watch = memory && (await watching?.createWatch(context, memory, () => keep?.store(), api.url));
  if (remoteWrite.length > 0) (await import("./parts/remote-write.js")).startRemoteWrite(context, spool);
  if (forwarding.length > 0) await (await import("./parts/forwarding.js")).startForwarding(context, spool);
  const gate = memory && watching?.createSeriesGate(context, memory.head);
  const doors = await openDoors(context, { spool, authenticator, gate });
  const scraping = parts.scraping
    ? await (await import("./parts/scraping.js")).startScraping(context, spool)
    : undefined;
  const bound = { api: api.address, otlpHttp: doors.otlpHttp, otlpGrpc: doors.otlpGrpc };
  const { intake } = doors;
  const reloading = new Reloading({
    ...context,
    readSetup: () => readSetup(parts),
    async apply(next) {
      refuseNewParts(parts, next);
      if (next.watch) await watch?.reload(next.watch);
      await scraping?.apply(next.config.scrape_configs);
    },
  });
  if (config.reload_on_change) await reloading.watchFiles(closers);
  pipeline.start();
  if (readsSamples)
    (await import("./parts/measure.js")).startMeasuring(context, { signals, memory, spool, pipeline });
  api.serve(
    createApi({
      ...context,
      authenticator,
      bound,
      reloading,
      intake,
      head: memory?.head,
      keep,
      signals,
      clocks,
      spool,
      watch: memory && watch && watching?.createWatchApi(context, { keep, memory, scraping, watch }),
      remoteWrite: readsSamples
        ? (await import("./parts/remote-write.js")).remoteWriteDoor(context, spool)
        : undefined,
    }),
  );
  await watch?.start();
  if (keep) await atMost(STORE_PATIENCE_MS, keep.settled);
  return { bound, reload: () => reloading.reload() };
}

function openPipeline(
  context: PartContext,
  parts: {
    readonly signals: Signals;
    readonly clocks: SenderClocks;
    readonly memory: Memory | undefined;
    readonly spool: Spool;
    readonly readSamples: PipelineOptions["readSamples"];
  },
): Promise<SignalsPipeline> {
  const { signals, clocks, memory, spool, readSamples } = parts;
  const { clock, logger, registry } = context;
  return SignalsPipeline.open({
    consumer: spool.consumer("signals"),
    spans: signals.spanOptions,
    observers: {
      traces: (columns, receivedAtMs) => {
        clocks.observe(columns, receivedAtMs);
        signals.observeTraces(columns, receivedAtMs);
      },
      metrics: (columns, receivedAtMs, origin) => {
        if (origin === "otlp") clocks.observe(columns, receivedAtMs);
        signals.observeMetrics(columns, receivedAtMs, origin);
      },
    },
    readSamples,
    state: { signals, ...(memory && { slos: memory.tracker, sampled: memory.sampler }) },
    snapshotFile: join(context.dataDir, "state"),
    clock,
    logger,
    registry,
  });
}

/** A part's code and state are made at the start, so a reload cannot bring one along. */
function refuseNewParts(running: Parts, next: Setup): void {
  const missing = (["watch", "scraping"] as const).filter((part) => next.parts[part] && !running[part]);
  if (missing.length === 0) return;
  const what = missing.map((part) => (part === "watch" ? "SLOs, rules or alerts" : "scrape_configs"));
  throw new CollectorError(
    "CONFIG_NEEDS_RESTART",
    `The configuration now has ${what.join(" and ")}, which this ${next.config.mode} was started without. Restart it; until then nothing is changed.`,
  );
}

/** Waits for something, but no longer than given. */
async function atMost(limitMs: number, done: Promise<void>): Promise<void> {
  const limit = new AbortController();
  await Promise.race([done, sleep(limitMs, undefined, { signal: limit.signal, ref: false }).catch(() => {})]);
  limit.abort();
}
