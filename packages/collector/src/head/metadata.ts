/** Metric types in the words of Prometheus's metadata API. */
export type MetricType =
  | "counter"
  | "gauge"
  | "histogram"
  | "gaugehistogram"
  | "summary"
  | "info"
  | "stateset"
  | "unknown";

/** What a sender said about a metric family. */
export interface MetricMetadata {
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

/** Families and statements that are remembered; more are not, so that a sender cannot fill the memory. */
const MAX_FAMILIES = 50_000;
const MAX_PER_FAMILY = 8;
const MAX_HELP_LENGTH = 1_024;

/** What is known about metric families, by name; senders may disagree, so there is a list per name. */
export class MetadataStore {
  #families = new Map<string, MetricMetadata[]>();

  set(name: string, type: MetricType, help: string, unit: string): void {
    const list = this.#families.get(name);
    const cut = help.length > MAX_HELP_LENGTH ? help.slice(0, MAX_HELP_LENGTH) : help;
    if (list === undefined) {
      if (this.#families.size < MAX_FAMILIES) this.#families.set(name, [{ type, help: cut, unit }]);
      return;
    }
    if (list.some((known) => known.type === type && known.help === cut && known.unit === unit)) return;
    if (list.length < MAX_PER_FAMILY) list.push({ type, help: cut, unit });
  }

  get(name: string): readonly MetricMetadata[] {
    return this.#families.get(name) ?? [];
  }

  /** Every family, sorted by name. */
  *entries(): IterableIterator<readonly [string, readonly MetricMetadata[]]> {
    for (const name of [...this.#families.keys()].sort()) yield [name, this.get(name)];
  }
}
