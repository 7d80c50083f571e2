import type { Labels, UnixMs } from "@tocsin/model";
import { type Histogram, STALE_MARKER } from "@tocsin/promql";
import { metricTypeOf } from "../remote-write/metric-types.js";
import {
  type LabelBytes,
  readLabels,
  readWriteRequest,
  type WriteRequestSink,
} from "../remote-write/write-request.js";
import type { Head } from "./head.js";
import type { DropReason } from "./head-metrics.js";
import type { HeadSeries } from "./series.js";

/**
 * Remote-write requests (from senders, scrapes and rules) as series of a head. The bytes of a series' labels lead to
 * the series: they are read as text only the first time.
 */
export class WriteRequestAppender implements WriteRequestSink {
  readonly #head: Head;
  #known = new Map<string, HeadSeries>();
  #series: HeadSeries | DropReason = "invalid_labels";

  constructor(head: Head) {
    this.#head = head;
  }

  /** @throws {CollectorError} OTLP_MALFORMED; what came before the fault is appended */
  append(body: Uint8Array): void {
    readWriteRequest(body, this);
  }

  /** Forgets series that left the head; the owner calls it now and then. */
  sweep(): void {
    for (const [key, series] of this.#known) if (series.isGone) this.#known.delete(key);
  }

  series(labels: LabelBytes): void {
    const key = labels.bytes.toString("latin1", labels.start, labels.end);
    const known = this.#known.get(key);
    if (known !== undefined && !known.isGone) {
      this.#series = known;
      return;
    }
    const read = readLabels(labels);
    this.#series = isNamed(read) ? this.#head.series(read) : "invalid_labels";
    if (typeof this.#series !== "string") this.#known.set(key, this.#series);
  }

  sample(timeMs: UnixMs, value: number, isStale: boolean, startMs: UnixMs): void {
    if (typeof this.#series === "string") this.#head.countDropped(this.#series);
    else this.#head.append(this.#series, timeMs, isStale ? STALE_MARKER : value, startMs);
  }

  histogram(timeMs: UnixMs, histogram: Histogram, isStale: boolean, startMs: UnixMs): void {
    if (typeof this.#series === "string") this.#head.countDropped(this.#series);
    else this.#head.append(this.#series, timeMs, isStale ? STALE_MARKER : histogram, startMs);
  }

  exemplar(labels: Labels, value: number, timeMs: UnixMs): void {
    if (typeof this.#series !== "string") this.#head.appendExemplar(this.#series, { labels, value, timeMs });
  }

  metadata(name: string, type: number, help: string, unit: string): void {
    if (name !== "") this.#head.metadata.set(name, metricTypeOf(type), help, unit);
  }
}

/** A series needs a name, and no label may be called nothing. */
function isNamed(labels: Labels): boolean {
  return (labels.__name__ ?? "") !== "" && labels[""] === undefined;
}
