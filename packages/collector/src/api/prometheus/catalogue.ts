import type { Clock, Labels, UnixMs } from "@tocsin/model";
import type { Matcher } from "@tocsin/promql";
import type { Exemplar, Head, HeadSeries, MetricMetadata } from "../../head/index.js";

/** Times asked about, both inclusive. */
export interface TimeRange {
  readonly startMs: UnixMs;
  readonly endMs: UnixMs;
}

/** Conditions of one `match[]`. A series counts when it fulfils any of several; no selector at all means every series. */
export type Selectors = readonly (readonly Matcher[])[];

/** What there is to query: series, names, values. The head gives it, a store adds what is older. */
export interface SeriesCatalogue {
  series(selectors: Selectors, range: TimeRange): Promise<readonly Labels[]>;
  labelNames(selectors: Selectors, range: TimeRange): Promise<readonly string[]>;
  labelValues(name: string, selectors: Selectors, range: TimeRange): Promise<readonly string[]>;
}

/** What only the head knows. */
export interface MetricsCatalogue extends SeriesCatalogue {
  metadata(): Iterable<readonly [string, readonly MetricMetadata[]]>;
  exemplars(
    selectors: Selectors,
    range: TimeRange,
  ): readonly { readonly labels: Labels; readonly exemplars: readonly Exemplar[] }[];
  /** Largest label names and metrics, for finding what makes series many. */
  cardinality(limit: number): {
    readonly series: number;
    readonly labels: readonly { readonly name: string; readonly values: number }[];
    readonly metrics: readonly (readonly [string, number])[];
  };
}

/** The head's series; with `older`, also those of times before the head. */
export function headCatalogue(head: Head, older?: SeriesCatalogue): MetricsCatalogue {
  const find = (selectors: Selectors, { startMs }: TimeRange): readonly HeadSeries[] => {
    if (selectors.length === 1) return head.find(selectors[0], startMs);
    return [...new Set(selectors.flatMap((matchers) => head.find(matchers, startMs)))];
  };
  const ask = <T>(range: TimeRange, question: (older: SeriesCatalogue) => Promise<readonly T[]>) =>
    older !== undefined && range.startMs < head.completeFromMs ? question(older) : [];
  return {
    async series(selectors, range) {
      const own = find(selectors, range).map(({ labels }) => labels);
      return [...own, ...(await ask(range, (store) => store.series(selectors, range)))];
    },
    async labelNames(selectors, range) {
      const own = head.index.labelNames(selectors.length === 0 ? undefined : find(selectors, range));
      return merged(own, await ask(range, (store) => store.labelNames(selectors, range)));
    },
    async labelValues(name, selectors, range) {
      const own = head.index.labelValues(name, selectors.length === 0 ? undefined : find(selectors, range));
      return merged(own, await ask(range, (store) => store.labelValues(name, selectors, range)));
    },
    metadata: () => head.metadata.entries(),
    exemplars: (selectors, { startMs, endMs }) =>
      find(selectors, { startMs: Number.NEGATIVE_INFINITY, endMs })
        .map((series) => ({ labels: series.labels, exemplars: head.exemplars.of(series, startMs, endMs) }))
        .filter(({ exemplars }) => exemplars.length > 0),
    cardinality: (limit) => ({ series: head.index.size, ...head.index.cardinality(limit) }),
  };
}

function merged(a: readonly string[], b: readonly string[]): readonly string[] {
  return b.length === 0 ? a : [...new Set([...a, ...b])].sort();
}

/** Where label sets of the past come from. */
export interface LabelHistory {
  labelSets(matchers: readonly Matcher[], startMs: UnixMs, endMs: UnixMs): Promise<readonly Labels[]>;
  labelNames(matchers: readonly Matcher[], startMs: UnixMs, endMs: UnixMs): Promise<readonly string[]>;
  labelValues(
    label: string,
    matchers: readonly Matcher[],
    startMs: UnixMs,
    endMs: UnixMs,
  ): Promise<readonly string[]>;
}

/**
 * What a store knows of series.
 *
 * @param history undefined while there is no store
 */
export function historyCatalogue(history: () => LabelHistory | undefined, clock: Clock): SeriesCatalogue {
  const ask = async <T>(
    selectors: Selectors,
    { startMs, endMs }: TimeRange,
    question: (
      store: LabelHistory,
      matchers: readonly Matcher[],
      fromMs: UnixMs,
      toMs: UnixMs,
    ) => Promise<readonly T[]>,
  ): Promise<readonly T[]> => {
    const store = history();
    if (store === undefined) return [];
    // Without times the API asks for everything; the store wants days.
    const fromMs = Math.max(0, startMs);
    const toMs = Math.min(clock.now(), endMs);
    const lists = selectors.length === 0 ? [[]] : selectors;
    return (await Promise.all(lists.map((matchers) => question(store, matchers, fromMs, toMs)))).flat();
  };
  return {
    series: (selectors, range) => ask(selectors, range, (store, ...about) => store.labelSets(...about)),
    labelNames: (selectors, range) => ask(selectors, range, (store, ...about) => store.labelNames(...about)),
    labelValues: (name, selectors, range) =>
      ask(selectors, range, (store, ...about) => store.labelValues(name, ...about)),
  };
}
