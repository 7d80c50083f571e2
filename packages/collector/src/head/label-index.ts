import type { Labels } from "@tocsin/model";
import type { Matcher } from "@tocsin/promql";
import type { HeadSeries } from "./series.js";

/** How many answers to recent selectors are remembered, and the most series one of them may have. */
const MAX_CACHED = 256;
const MAX_CACHED_SERIES = 200_000;

interface Posting {
  /** The one copy of the value's text; every series with this value refers to it. */
  readonly value: string;
  series: HeadSeries[];
}

interface CachedSelection {
  found: HeadSeries[];
  /** Series made before this one were looked at. */
  nextOrdinal: number;
}

/**
 * From label values to series. For a selector the shortest posting list is walked and the other conditions are
 * tried on its series; a regex is tried once per distinct value, not once per series. Answers are remembered: asked
 * again, only series that are new since are tried, as rules and dashboards ask the same all the time.
 */
export class LabelIndex {
  #postings = new Map<string, Map<string, Posting>>();
  #all: HeadSeries[] = [];
  #cache = new Map<string, CachedSelection>();

  get size(): number {
    return this.#all.length;
  }

  all(): readonly HeadSeries[] {
    return this.#all;
  }

  /** The same labels sorted by name, without empty values, sharing the texts of other series. */
  intern(labels: Labels): Labels {
    const shared: Record<string, string> = {};
    for (const name of Object.keys(labels).sort()) {
      const value = labels[name];
      if (value !== "") shared[name] = this.#postings.get(name)?.get(value)?.value ?? value;
    }
    return shared;
  }

  /** @param series made after every series that is in the index */
  add(series: HeadSeries): void {
    this.#all.push(series);
    for (const name in series.labels) {
      let values = this.#postings.get(name);
      if (values === undefined) {
        values = new Map();
        this.#postings.set(name, values);
      }
      const value = series.labels[name];
      const posting = values.get(value);
      if (posting === undefined) values.set(value, { value, series: [series] });
      else posting.series.push(series);
    }
  }

  /** Forgets every series whose `isGone` is set. */
  sweep(gone: readonly HeadSeries[]): void {
    if (gone.length === 0) return;
    // Remembered answers would keep what is gone alive; sweeps are rare.
    this.#cache.clear();
    this.#all = this.#all.filter(isHere);
    const touched = new Map<string, Set<string>>();
    for (const series of gone) {
      for (const name in series.labels) {
        let values = touched.get(name);
        if (values === undefined) {
          values = new Set();
          touched.set(name, values);
        }
        values.add(series.labels[name]);
      }
    }
    for (const [name, values] of touched) this.#sweepValues(name, values);
  }

  /** Every series that fulfils all conditions, oldest first. */
  select(matchers: readonly Matcher[]): readonly HeadSeries[] {
    const key = selectorKey(matchers);
    const known = this.#cache.get(key);
    if (known !== undefined) {
      this.#cache.delete(key);
      this.#cache.set(key, known);
      this.#refresh(known, matchers);
      return known.found;
    }
    const found = this.#search(matchers);
    if (found.length <= MAX_CACHED_SERIES) {
      this.#cache.set(key, { found, nextOrdinal: this.#nextOrdinal() });
      if (this.#cache.size > MAX_CACHED) {
        const [oldest] = this.#cache.keys();
        if (oldest !== undefined) this.#cache.delete(oldest);
      }
    }
    return found;
  }

  /** Label names, sorted: of every series, or of those given. */
  labelNames(series?: Iterable<HeadSeries>): string[] {
    if (series === undefined) return [...this.#postings.keys()].sort();
    const names = new Set<string>();
    for (const { labels } of series) for (const name in labels) names.add(name);
    return [...names].sort();
  }

  /** Values of one label, sorted: of every series, or of those given. */
  labelValues(name: string, series?: Iterable<HeadSeries>): string[] {
    if (series === undefined) return [...(this.#postings.get(name)?.keys() ?? [])].sort();
    const values = new Set<string>();
    for (const { labels } of series) {
      const value = labels[name];
      if (typeof value === "string") values.add(value);
    }
    return [...values].sort();
  }

  /** Label names with the number of their values, and values with the number of their series, largest first. */
  cardinality(limit: number): { labels: { name: string; values: number }[]; metrics: [string, number][] } {
    const labels = [...this.#postings].map(([name, values]) => ({ name, values: values.size }));
    const metrics = [...(this.#postings.get("__name__") ?? [])].map(
      ([name, posting]) => [name, posting.series.length] as [string, number],
    );
    return {
      labels: labels.sort((a, b) => b.values - a.values).slice(0, limit),
      metrics: metrics.sort((a, b) => b[1] - a[1]).slice(0, limit),
    };
  }

  #refresh(known: CachedSelection, matchers: readonly Matcher[]): void {
    if (known.nextOrdinal === this.#nextOrdinal()) return;
    const tests = matchers.map(memoized);
    // A new list, because the last one may still be in the hands of a query.
    const fresh: HeadSeries[] = [];
    for (let index = this.#all.length - 1; index >= 0; index--) {
      const series = this.#all[index];
      if (series.ordinal < known.nextOrdinal) break;
      if (fulfils(series, tests)) fresh.push(series);
    }
    if (fresh.length > 0) known.found = known.found.concat(fresh.reverse());
    known.nextOrdinal = this.#nextOrdinal();
  }

  #nextOrdinal(): number {
    return (this.#all.at(-1)?.ordinal ?? -1) + 1;
  }

  #search(matchers: readonly Matcher[]): HeadSeries[] {
    let best: Candidates | undefined;
    for (const matcher of matchers) {
      const candidates = this.#byLiterals(matcher);
      if (candidates !== undefined && (best === undefined || candidates.size < best.size)) best = candidates;
    }
    for (const matcher of matchers) {
      const candidates = this.#byScan(matcher, best?.size ?? this.#all.length);
      if (candidates !== undefined && (best === undefined || candidates.size < best.size)) best = candidates;
    }
    const rest = matchers.filter((matcher) => matcher !== best?.matcher).map(memoized);
    const lists = best?.lists ?? [this.#all];
    if (rest.length === 0) return lists.length === 1 ? lists[0].slice() : inOrder(lists.flat());
    const found: HeadSeries[] = [];
    for (const list of lists) for (const series of list) if (fulfils(series, rest)) found.push(series);
    return lists.length === 1 ? found : inOrder(found);
  }

  /** The series of a positive condition whose only values are listed. */
  #byLiterals(matcher: Matcher): Candidates | undefined {
    if (!isPositive(matcher) || matcher.literals === undefined || matcher.literals.has("")) return undefined;
    const values = this.#postings.get(matcher.name);
    const lists: HeadSeries[][] = [];
    let size = 0;
    for (const literal of matcher.literals) {
      const list = values?.get(literal)?.series;
      if (list === undefined) continue;
      lists.push(list);
      size += list.length;
    }
    return { matcher, lists, size };
  }

  /** The series of a positive regex, by trying it on each value; undefined where walking `size` series is cheaper. */
  #byScan(matcher: Matcher, size: number): Candidates | undefined {
    if (!isPositive(matcher) || matcher.literals !== undefined || matcher.matches("")) return undefined;
    const values = this.#postings.get(matcher.name);
    if (values === undefined) return { matcher, lists: [], size: 0 };
    if (values.size * 2 > size) return undefined;
    const lists: HeadSeries[][] = [];
    let found = 0;
    for (const { value, series } of values.values()) {
      if (!matcher.matches(value)) continue;
      lists.push(series);
      found += series.length;
      if (found >= size) return undefined;
    }
    return { matcher, lists, size: found };
  }

  #sweepValues(name: string, touched: ReadonlySet<string>): void {
    const values = this.#postings.get(name);
    if (values === undefined) return;
    for (const value of touched) {
      const posting = values.get(value);
      if (posting === undefined) continue;
      posting.series = posting.series.filter(isHere);
      if (posting.series.length === 0) values.delete(value);
    }
    if (values.size === 0) this.#postings.delete(name);
  }
}

interface Candidates {
  /** The condition that all of them fulfil. */
  readonly matcher: Matcher;
  readonly lists: readonly HeadSeries[][];
  readonly size: number;
}

interface Test {
  readonly name: string;
  passes(value: string): boolean;
}

/** A regex is tried once per distinct value. */
function memoized(matcher: Matcher): Test {
  if (matcher.literals !== undefined)
    return { name: matcher.name, passes: (value) => matcher.matches(value) };
  const known = new Map<string, boolean>();
  return {
    name: matcher.name,
    passes(value) {
      let answer = known.get(value);
      if (answer === undefined) {
        answer = matcher.matches(value);
        known.set(value, answer);
      }
      return answer;
    },
  };
}

function fulfils(series: HeadSeries, tests: readonly Test[]): boolean {
  for (const test of tests) {
    const value = series.labels[test.name];
    // `constructor` and its like are on every object; only texts are labels.
    if (!test.passes(typeof value === "string" ? value : "")) return false;
  }
  return true;
}

function isPositive(matcher: Matcher): boolean {
  return matcher.operator === "=" || matcher.operator === "=~";
}

function isHere(series: HeadSeries): boolean {
  return !series.isGone;
}

function inOrder(series: HeadSeries[]): HeadSeries[] {
  return series.sort((a, b) => a.ordinal - b.ordinal);
}

function selectorKey(matchers: readonly Matcher[]): string {
  let key = "";
  for (const { name, operator, value } of matchers) key += `${name}\u0001${operator}\u0001${value}\u0002`;
  return key;
}
