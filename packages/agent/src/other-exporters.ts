import type { LogRecordProcessor } from "@opentelemetry/sdk-logs";
import type { MetricProducer, MetricReader } from "@opentelemetry/sdk-metrics";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import type { OtherExporter } from "./exporters.js";
import type { ExportOutcome } from "./lifecycle/delivery-report.js";
import { onDemand } from "./on-demand/load.js";
import { SIGNALS, type Signal } from "./send/protocol.js";
import type { Settings } from "./settings/settings.js";

/** What the exporters need, and whom they tell how it goes. */
interface OtherExportersDeps {
  readonly settings: Settings;
  /** What the agent measures itself. */
  readonly producer: MetricProducer;
  readonly told: (signal: Signal, place: string, outcome: ExportOutcome) => void;
}

/** OpenTelemetry's own exporters, for signals that were asked to go elsewhere than OTLP by http/protobuf. */
export class OtherExporters {
  readonly spanProcessors: readonly SpanProcessor[];
  readonly metricReaders: readonly MetricReader[];
  readonly logProcessors: readonly LogRecordProcessor[];
  /** Where they lead, each place once. */
  readonly places: readonly string[];
  private readonly flushes: readonly Flush[];

  constructor({ settings, producer, told }: OtherExportersDeps) {
    const { exporters, batchDelayMs, logDelayMs } = settings;
    const flushes: Flush[] = [];
    const make = <T extends { forceFlush(): Promise<void> }>(
      signal: Signal,
      from: (choice: OtherExporter, tell: Tell) => T,
    ): T[] =>
      exporters[signal].others.map((choice) => {
        const tell: Tell = (outcome) => told(signal, placeOf(choice), outcome);
        const made = from(choice, tell);
        flushes.push({ flush: () => made.forceFlush(), tell });
        return made;
      });
    this.spanProcessors = make("traces", (choice, tell) =>
      onDemand("exporters").spanProcessor(choice, batchDelayMs, tell),
    );
    this.metricReaders = make("metrics", (choice, tell) =>
      onDemand("exporters").metricReader(choice, {
        producer,
        intervalMs: settings.metricIntervalMs,
        temporality: settings.temporality,
        tell,
      }),
    );
    this.logProcessors = make("logs", (choice, tell) =>
      onDemand("exporters").logProcessor(choice, logDelayMs, tell),
    );
    this.flushes = flushes;
    this.places = Array.from(new Set(SIGNALS.flatMap((signal) => exporters[signal].others.map(placeOf))));
  }

  /** Has them send what they hold; never fails, and waits no longer than this. What is not done by then is told. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.flushes.length === 0) return;
    const pending = new Set(this.flushes);
    // Nothing else keeps the process alive meanwhile.
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    const all = this.flushes.map((one) =>
      one
        .flush()
        .catch(() => undefined)
        .then(() => pending.delete(one)),
    );
    await Promise.race([late, Promise.all(all)]);
    clearTimeout(timer);
    for (const { tell } of pending) tell({ why: `no success in ${timeoutMs / 1000} s` });
  }
}

interface Flush {
  flush(): Promise<void>;
  readonly tell: Tell;
}

type Tell = (outcome: ExportOutcome) => void;

function placeOf(choice: OtherExporter): string {
  switch (choice.kind) {
    case "console":
      return "the console";
    case "prometheus":
      return `whoever scrapes http://${choice.host}:${choice.port}/metrics`;
    case "zipkin":
      return `${baseOf(choice.url)} (zipkin)`;
    default:
      return `${baseOf(choice.to.url)} (${choice.kind})`;
  }
}

function baseOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}
