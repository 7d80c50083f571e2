import {
  type Cancel,
  type Clock,
  every,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
  type UnixMs,
} from "@tocsin/model";
import type { Series, Storage } from "@tocsin/promql";
import { Registry } from "prom-client";
import { CollectorError } from "../errors.js";
import { RetentionConfig, type StoreConfig } from "./config.js";
import { clusterOf, connect, isEmbedded } from "./connect.js";
import type { BatchEncoder } from "./encode/encoded-batch.js";
import { InlineEncoder } from "./encode/inline-encoder.js";
import { ThreadEncoder } from "./encode/thread-encoder.js";
import type { EngineStatus, EngineSupervisor } from "./engine/supervisor.js";
import { LogReader } from "./logs/log-reader.js";
import { LogTail } from "./logs/log-tail.js";
import { type StoreMetrics, storeMetrics } from "./metrics.js";
import { type DiskUsage, diskUsage, keepDiskCap, wholeUsage } from "./retention.js";
import { SampleHistory } from "./samples/sample-history.js";
import { SampleWriter } from "./samples/sample-writer.js";
import { migrate } from "./schema/migrate.js";
import type { Dialect, Signal } from "./schema/table.js";
import { Shards } from "./shards.js";
import { ClickHouseSql } from "./sql.js";
import { LatencyReader } from "./traces/latency-reader.js";
import { ServiceReader } from "./traces/service-reader.js";
import { TraceReader } from "./traces/trace-reader.js";
import { StoreWriter } from "./writer.js";

export interface StoreOptions {
  /** Everything but "none". */
  readonly config: Exclude<StoreConfig, "none">;
  /** Defaults of the configuration when absent. */
  readonly retention?: RetentionConfig;
  /** The collector's data directory; the embedded engine lives in its `store` folder. */
  readonly dataDir: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Takes `tocsin_store_*`. */
  readonly registry?: Registry;
}

/** What the store says of itself. */
export interface StoreStatus {
  readonly kind: "embedded" | "clickhouse";
  /** Whether it takes and answers anything at the moment. */
  readonly isReady: boolean;
  /** Undefined for a ClickHouse server. */
  readonly engine: EngineStatus | undefined;
  /** Why it is not ready; undefined while it is. */
  readonly fault: string | undefined;
  /** Each server with what keeps it from answering; undefined for the embedded engine. */
  readonly servers: readonly ServerStatus[] | undefined;
  /** Undefined while the engine does not answer. */
  readonly disk: DiskUsage | undefined;
  /** Undefined for a ClickHouse server, whose disk is not ours. */
  readonly maxDiskBytes: number | undefined;
  readonly retentionDays: Readonly<Record<Signal, number>>;
}

/** Memory that wants to know how far its samples have been copied. */
export interface CopySource {
  /** Samples will be copied: none may go before they are. */
  holdUntilCopied(): void;
  /** Everything up to then has been copied, but for what comes late. */
  setCopiedTo(timeMs: UnixMs): void;
  /** Series with samples that came after their time had been copied. */
  takeLate(): readonly Series[];
}

/** One of the ClickHouse servers of a store. */
export interface ServerStatus {
  readonly address: string;
  /** Null while it answers. */
  readonly fault: string | null;
}

const COPY_PERIOD_MS = 60_000;
/** How long a look at the store's state may take. */
const STATUS_LIMIT_MS = 2_000;

interface Parts {
  readonly options: StoreOptions;
  readonly engine: EngineSupervisor | undefined;
  readonly shards: Shards;
  readonly metrics: StoreMetrics;
  readonly retention: RetentionConfig;
  readonly logger: Logger;
}

/** Spans, logs and history on disk: an embedded engine of our own, or ClickHouse servers. */
export class Store {
  readonly writer: StoreWriter;
  readonly traces: TraceReader;
  readonly services: ServiceReader;
  readonly latency: LatencyReader;
  readonly logs: LogReader;
  readonly tail = new LogTail();
  /** Samples of metrics that left memory. */
  readonly history: SampleHistory;
  readonly #parts: Parts;
  readonly #encoder: BatchEncoder;
  readonly #samples: SampleWriter;
  #cancels: Cancel[] = [];
  #copying: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(parts: Parts) {
    const { shards, metrics, logger } = parts;
    this.#parts = parts;
    this.#encoder = createEncoder(parts);
    this.writer = new StoreWriter({ encoder: this.#encoder, shards, tail: this.tail, metrics, logger });
    this.traces = new TraceReader(shards);
    this.services = new ServiceReader(shards);
    this.latency = new LatencyReader(shards);
    this.logs = new LogReader(shards);
    this.history = new SampleHistory(shards);
    this.#samples = new SampleWriter(shards);
  }

  /**
   * Starts the engine or reaches the servers, and brings their tables up to date.
   *
   * @throws {CollectorError} STORE_ENGINE_UNAVAILABLE with the cure; STORE_NOT_READY when a server does not answer;
   *   STORE_SCHEMA_TOO_NEW
   */
  static async open(options: StoreOptions): Promise<Store> {
    const logger = options.logger ?? silentLogger;
    const clock = options.clock ?? systemClock;
    const retention = options.retention ?? RetentionConfig.parse({});
    const { engine, endpoints } = await connect(options, clock, logger);
    const shards = new Shards(
      endpoints.map((endpoint) => new ClickHouseSql(endpoint)),
      clusterOf(options.config) !== undefined,
    );
    const metrics = storeMetrics(options.registry ?? new Registry(), () => {
      const status = engine?.status();
      return status && { running: status.state === "running", restarts: status.restarts };
    });
    const store = new Store({ options, engine, shards, metrics, retention, logger });
    try {
      await store.#prepare(clock);
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  /** Copies samples of a stretch of time into the store; what is there already stays as it is. */
  copySamples(source: Storage, startMs: UnixMs, endMs: UnixMs): Promise<number> {
    return this.#samples.copy(source, startMs, endMs);
  }

  /**
   * Copies samples from memory into the store, at once and then every minute, until the store closes.
   *
   * @param lagMs how late samples usually come: what is younger is copied later; what comes later still is copied by itself
   */
  keepSamples(source: Storage & Partial<CopySource>, lagMs: number): void {
    const { options, logger } = this.#parts;
    const clock = options.clock ?? systemClock;
    if (this.#closing !== undefined) return;
    let copiedToMs: UnixMs | undefined;
    let late: readonly Series[] = [];
    const copy = async () => {
      const endMs = clock.now() - lagMs;
      try {
        copiedToMs ??= (await this.#samples.lastTime()) ?? 0;
        late = [...late, ...(source.takeLate?.() ?? [])];
        await this.#samples.copySeries(late, 0, copiedToMs);
        late = [];
        if (endMs > copiedToMs) {
          await this.#samples.copy(source, copiedToMs, endMs);
          copiedToMs = endMs;
        }
        source.setCopiedTo?.(copiedToMs);
      } catch (error) {
        if (this.#closing !== undefined) return;
        logger.warn(
          { reason: messageOf(error) },
          "samples could not be copied to the store; it will be tried again",
        );
      }
    };
    // One after the other, also where one takes longer than a minute.
    const next = () => {
      this.#copying = this.#copying.then(copy);
      return this.#copying;
    };
    void next();
    this.#cancels.push(every(clock, COPY_PERIOD_MS, next));
  }

  /** Resolves when the copying of samples that is under way has ended, well or not. */
  samplesCopied(): Promise<void> {
    return this.#copying;
  }

  async status(): Promise<StoreStatus> {
    const { engine, options, retention } = this.#parts;
    const usages = await this.#diskUsages();
    const disk = wholeUsage(usages);
    const servers = usages.map(({ address, fault }) => ({ address, fault }));
    return {
      kind: engine === undefined ? "clickhouse" : "embedded",
      isReady: disk !== undefined,
      engine: engine?.status(),
      fault: servers.flatMap(({ fault }) => fault ?? []).at(0),
      servers: engine === undefined ? servers : undefined,
      disk,
      maxDiskBytes: isEmbedded(options.config) ? retention.max_disk : undefined,
      retentionDays: retentionDays(retention),
    };
  }

  /** Ends the engine after what it is doing. Whatever is not written yet is in the spool. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    await this.#encoder.close();
    await this.#parts.shards.close();
    await this.#copying;
    await this.#parts.engine?.close();
  }

  async #prepare(clock: Clock): Promise<void> {
    const { options, shards, metrics, retention, logger } = this.#parts;
    const embedded = isEmbedded(options.config);
    const dialect: Dialect = {
      cluster: clusterOf(options.config),
      retentionDays: retentionDays(retention),
      ...(embedded && { maxPartBytes: Math.max(32 << 20, Math.floor(retention.max_disk / 16)) }),
    };
    for (const shard of shards.all) {
      const applied = await migrate(shard, dialect);
      if (applied.length > 0)
        logger.info({ steps: applied.map((step) => step.name) }, "the store's tables were made");
    }
    const [first] = shards.all;
    if (!embedded || first === undefined) return;
    this.#cancels.push(keepDiskCap({ sql: first, maxBytes: retention.max_disk, clock, logger, metrics }));
  }

  #diskUsages(): Promise<(ServerStatus & { readonly usage: DiskUsage | undefined })[]> {
    const { clock = systemClock } = this.#parts.options;
    return Promise.all(
      this.#parts.shards.all.map(async (shard) => {
        const { address } = shard;
        // Whoever asks how things are must hear of an engine that hangs, and not hang with it.
        const limit = new AbortController();
        const cancel = clock.after(STATUS_LIMIT_MS, () => limit.abort());
        try {
          return { address, fault: null, usage: await diskUsage(shard, limit.signal) };
        } catch (error) {
          // Being away is a state to show, not a fault of whoever asks for it.
          if (!(error instanceof CollectorError)) throw error;
          const silent = `The store at ${address} has not answered for ${STATUS_LIMIT_MS / 1_000} s.`;
          return { address, fault: limit.signal.aborted ? silent : error.message, usage: undefined };
        } finally {
          cancel();
        }
      }),
    );
  }
}

/** A thread of its own, unless the configuration wants none. */
function createEncoder({ options, shards, metrics, retention, logger }: Parts): BatchEncoder {
  const settings = {
    shardCount: shards.all.length,
    retentionMs: { traces: retention.traces, logs: retention.logs },
  };
  const { config, clock = systemClock } = options;
  if (typeof config === "object" && config.encode === "inline") return new InlineEncoder(settings);
  return new ThreadEncoder({ settings, clock, logger, onCrash: () => metrics.encoderCrashes.inc() });
}

/** Whole days, as the engine's tables count them; part of a day counts as one. */
function retentionDays(retention: RetentionConfig): Readonly<Record<Signal, number>> {
  const days = (ms: number) => Math.max(1, Math.ceil(ms / 86_400_000));
  return {
    traces: days(retention.traces),
    logs: days(retention.logs),
    metrics: days(retention.metrics),
  };
}
