import type { TextRange } from "../errors.js";
import type { Annotations } from "../result.js";
import { placeOf } from "../syntax/place.js";

/** Notes kept per kind; a query over many series must not answer with a book. */
const MAX_NOTES = 10;

/** Collects the warnings and infos of one query, each text once, with the place in the query. */
export class Notes {
  readonly #query: string;
  readonly #warnings = new Set<string>();
  readonly #infos = new Set<string>();
  #ofStorage: () => readonly string[] = () => [];

  constructor(query: string) {
    this.#query = query;
  }

  warn(message: string, at: TextRange): void {
    add(this.#warnings, `PromQL warning: ${message} (${placeOf(this.#query, at.from)})`);
  }

  info(message: string, at: TextRange): void {
    add(this.#infos, `PromQL info: ${message} (${placeOf(this.#query, at.from)})`);
  }

  /** Says where to ask what the storage has to say of the samples it gave. */
  askStorage(warnings: () => readonly string[]): void {
    this.#ofStorage = warnings;
  }

  get annotations(): Annotations {
    return { warnings: [...this.#ofStorage(), ...this.#warnings], infos: [...this.#infos] };
  }

  /** A native histogram was found next to floats in one range. */
  mixedFloatsHistograms(name: string | undefined, at: TextRange): void {
    this.warn(`encountered a mix of histograms and floats${forMetric(name)}`, at);
  }

  mixedClassicNative(name: string | undefined, at: TextRange): void {
    this.warn(`vector contains a mix of classic and native histograms${forMetric(name)}`, at);
  }

  mixedExponentialCustom(name: string | undefined, at: TextRange): void {
    const message = "vector contains a mix of histograms with exponential and custom buckets schemas";
    this.warn(`${message}${forMetric(name)}`, at);
  }

  notCounter(name: string | undefined, at: TextRange): void {
    this.warn(`this native histogram metric is not a counter: "${name ?? ""}"`, at);
  }

  notGauge(name: string | undefined, at: TextRange): void {
    this.warn(`this native histogram metric is not a gauge: "${name ?? ""}"`, at);
  }

  badBucketLabel(label: string, value: string, name: string | undefined, at: TextRange): void {
    this.warn(
      `bucket label "${label}" is missing or has a malformed value of "${value}"${forMetric(name)}`,
      at,
    );
  }

  invalidQuantile(q: number, at: TextRange): void {
    this.warn(`quantile value should be between 0 and 1, got ${q}`, at);
  }

  invalidRatio(r: number, used: number, at: TextRange): void {
    this.warn(`ratio value should be between -1 and 1, got ${r}, capping to ${used}`, at);
  }

  resetCollision(operation: string, at: TextRange): void {
    this.warn(`conflicting counter resets during histogram ${operation}`, at);
  }

  possibleNonCounter(name: string, at: TextRange): void {
    this.info(
      `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "${name}"`,
      at,
    );
  }

  forcedMonotonicity(name: string | undefined, at: TextRange): void {
    const message =
      "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
    this.info(`${message}${forMetric(name)}`, at);
  }

  boundsReconciled(operation: string, at: TextRange): void {
    this.info(`mismatched custom buckets were reconciled during ${operation}`, at);
  }

  histogramsIgnored(context: string, name: string | undefined, at: TextRange): void {
    this.info(`ignored histograms in ${context}${forMetric(name)}`, at);
  }

  incompatibleTypes(left: string, operator: string, right: string, at: TextRange): void {
    this.info(
      `incompatible sample types encountered for binary operator "${operator}": ${left} ${operator} ${right}`,
      at,
    );
  }

  nanObservations(name: string | undefined, what: string, at: TextRange): void {
    this.info(`input to ${what} has NaN observations${forMetric(name)}`, at);
  }
}

function add(set: Set<string>, text: string): void {
  if (set.size < MAX_NOTES) set.add(text);
}

function forMetric(name: string | undefined): string {
  return name === undefined || name === "" ? "" : ` for metric name "${name}"`;
}
