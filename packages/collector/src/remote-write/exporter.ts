import { type Clock, type Labels, type Logger, messageOf } from "@tocsin/model";
import { Counter, type Registry } from "prom-client";
import snappy from "snappyjs";
import { httpAuth, revealHeaders, splitCredentials } from "../config/http-auth.js";
import { CapturingHead } from "../head/captured-samples.js";
import type { HeadConfig } from "../head/config.js";
import { OtlpAppender } from "../head/otlp/otlp-appender.js";
import { WriteRequestAppender } from "../head/write-request-appender.js";
import { decodeMetrics } from "../otlp/index.js";
import { type Relabel, relabelling } from "../scrape/relabel.js";
import { type Settlement, type SpoolConsumer, type SpoolRecord, steadyCommit } from "../spool/index.js";
import type { RemoteWriteConfig } from "./config.js";
import { type WireSeries, writeWriteRequest } from "./write-request-writer.js";

export interface ExporterOptions {
  readonly target: RemoteWriteConfig;
  /** How OTLP metrics become series; the same as in the head, so that both have the same series. */
  readonly head: HeadConfig;
}

export interface ExporterDeps {
  readonly consumer: SpoolConsumer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly fetch: typeof fetch;
}

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 60_000;
const BATCH_BYTES = 2 * 1024 * 1024;
const TRIM_EVERY_MS = 60_000;

/**
 * Sends every metric to a server by remote write 1.0, from its own place in the spool. While the server is away the
 * same request is tried again and the rest waits in the spool; what it refuses as wrong is counted and left out.
 */
export class RemoteWriteExporter {
  readonly #options: ExporterOptions;
  readonly #deps: ExporterDeps;
  readonly #head: CapturingHead;
  readonly #otlp: OtlpAppender;
  readonly #samples: WriteRequestAppender;
  readonly #relabel: Relabel;
  readonly #counts: {
    read: Counter<"target">;
    sent: Counter<"target">;
    dropped: Counter<"target" | "reason">;
    retries: Counter<"target">;
  };
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #nextTrimMs = 0;

  constructor(options: ExporterOptions, deps: ExporterDeps) {
    this.#options = options;
    this.#deps = deps;
    const { head, target } = options;
    this.#head = new CapturingHead({ maxSeries: head.max_series, maxLabels: head.max_labels }, deps.clock);
    this.#otlp = new OtlpAppender(this.#head, {
      classicHistograms: head.classic_histograms,
      promoteResourceAttributes: head.promote_resource_attributes,
    });
    this.#samples = new WriteRequestAppender(this.#head);
    this.#relabel = relabelling(target.write_relabel_configs);
    this.#counts = exporterCounters(deps.registry);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Stops after the request in hand; what is not acknowledged by then is sent after the next start. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { consumer, logger } = this.#deps;
    const commit = steadyCommit(consumer, logger);
    for (;;) {
      const batch = await consumer.read({ maxBytes: BATCH_BYTES, signal: this.#stopping.signal });
      if (batch === undefined) return;
      const settlements = batch.records.map((record) => this.#read(record));
      for (const series of this.#requests(this.#convert())) {
        if (!(await this.#send(series))) return;
      }
      for (const settlement of settlements) consumer.settle(1, settlement);
      await commit(batch.position);
      this.#trim();
    }
  }

  #read({ signal, body }: SpoolRecord): Settlement {
    try {
      if (signal === "metrics") this.#otlp.append(decodeMetrics(body));
      else if (signal === "samples") this.#samples.append(body);
      else return "passed_over";
      return "passed_on";
    } catch (error) {
      this.#deps.logger.error({ error: messageOf(error) }, "metrics record could not be read");
      return { dropped: "unreadable" };
    }
  }

  #convert(): WireSeries[] {
    const target = this.#options.target.name;
    const converted: WireSeries[] = [];
    for (const [series, samples] of this.#head.take()) {
      this.#counts.read.inc({ target }, samples.length);
      const labels = this.#labelsOf(series.labels);
      if (labels !== undefined) converted.push({ labels, samples });
      else this.#counts.dropped.inc({ target, reason: "relabelled" }, samples.length);
    }
    for (const [reason, count] of this.#head.takeLeftOut()) {
      this.#counts.read.inc({ target }, count);
      this.#counts.dropped.inc({ target, reason }, count);
    }
    return converted;
  }

  #labelsOf(labels: Labels): Labels | undefined {
    if (this.#options.target.write_relabel_configs.length === 0) return labels;
    const relabelled = this.#relabel(labels);
    return relabelled === undefined || Object.keys(relabelled).length === 0 ? undefined : relabelled;
  }

  /** Requests of about `max_samples_per_send`; the samples of one series stay in order. */
  *#requests(all: readonly WireSeries[]): IterableIterator<readonly WireSeries[]> {
    const most = this.#options.target.max_samples_per_send;
    let series: WireSeries[] = [];
    let samples = 0;
    for (const one of all) {
      series.push(one);
      samples += one.samples.length;
      if (samples < most) continue;
      yield series;
      series = [];
      samples = 0;
    }
    if (series.length > 0) yield series;
  }

  /** False when it was told to stop first. */
  async #send(series: readonly WireSeries[]): Promise<boolean> {
    const { name } = this.#options.target;
    const samples = series.reduce((sum, one) => sum + one.samples.length, 0);
    const body = snappy.compress(writeWriteRequest(series));
    let pauseMs = RETRY_FIRST_MS;
    for (;;) {
      const outcome = await this.#attempt(body);
      if (outcome.kind === "taken") {
        this.#counts.sent.inc({ target: name }, samples);
        return true;
      }
      if (this.#stopping.signal.aborted) return false;
      if (outcome.kind === "refused") {
        this.#counts.dropped.inc({ target: name, reason: "refused" }, samples);
        this.#deps.logger.error(
          { target: name, error: outcome.error },
          "metrics were refused and are left out",
        );
        return true;
      }
      this.#counts.retries.inc({ target: name });
      const waitMs = Math.max(pauseMs, outcome.afterMs);
      this.#deps.logger.warn(
        { target: name, error: outcome.error, retryInMs: waitMs },
        "metrics could not be sent",
      );
      await this.#pause(waitMs);
      pauseMs = Math.min(pauseMs * 2, RETRY_MOST_MS);
      if (this.#stopping.signal.aborted) return false;
    }
  }

  async #attempt(body: Buffer): Promise<Outcome> {
    const { target } = this.#options;
    try {
      const { url, headers } = splitCredentials(target.url);
      const auth = await httpAuth(target);
      const response = await this.#deps.fetch(url, {
        method: "POST",
        body: new Uint8Array(body),
        headers: {
          "content-type": "application/x-protobuf",
          "content-encoding": "snappy",
          "x-prometheus-remote-write-version": "0.1.0",
          ...headers,
          ...revealHeaders(target.headers),
          ...auth.headers,
        },
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(target.remote_timeout)]),
      });
      // Some servers say in their errors what they were sent.
      const text = auth.mask(await response.text()).slice(0, 300);
      if (response.ok) return { kind: "taken" };
      const error = `the server answered ${response.status}: ${text.trim()}`;
      if (response.status < 500 && response.status !== 429) return { kind: "refused", error };
      return { kind: "later", error, afterMs: retryAfterMs(response) };
    } catch (error) {
      const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
      return { kind: "later", error: cause, afterMs: 0 };
    }
  }

  #pause(delayMs: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.#deps.clock.after(delayMs, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  #trim(): void {
    const nowMs = this.#deps.clock.now();
    if (nowMs < this.#nextTrimMs) return;
    this.#nextTrimMs = nowMs + TRIM_EVERY_MS;
    this.#head.trim();
    this.#otlp.sweep();
    this.#samples.sweep();
  }
}

type Outcome =
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly error: string }
  | { readonly kind: "later"; readonly error: string; readonly afterMs: number };

function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get("retry-after") ?? "0");
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1_000, RETRY_MOST_MS) : 0;
}

/** The counters of all targets; made once per registry. */
function exporterCounters(registry: Registry) {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    (registry.getSingleMetric(name) as Counter<L> | undefined) ??
    new Counter({ name, help, labelNames, registers: [registry] });
  return {
    read: counter(
      "tocsin_remote_write_read_samples_total",
      "Samples read from the spool for a target: sent, dropped or at hand.",
      ["target"],
    ),
    sent: counter("tocsin_remote_write_sent_samples_total", "Samples that a target took.", ["target"]),
    dropped: counter(
      "tocsin_remote_write_dropped_samples_total",
      "Samples that were not sent to a target, by reason: refused (by it, for good), relabelled (away), repeat, and those of tocsin_head_samples_dropped_total.",
      ["target", "reason"],
    ),
    retries: counter("tocsin_remote_write_retries_total", "Requests tried again.", ["target"]),
  };
}
