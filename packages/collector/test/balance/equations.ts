/** The numbers of one `/metrics`, and what must add up among them. */

type Labels = Readonly<Record<string, string>>;

export class Metrics {
  readonly #series: readonly { readonly name: string; readonly labels: Labels; readonly value: number }[];

  constructor(text: string) {
    this.#series = text.split("\n").flatMap((line) => {
      const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!match) return [];
      const labels = [...(match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
      return [
        {
          name: match[1]!,
          labels: Object.fromEntries(labels.map(([, name, value]) => [name!, value!])),
          value: Number(match[3]),
        },
      ];
    });
  }

  /** Sum of the series of a metric that have these labels; each value may be one of several. */
  sum(name: string, wanted: Readonly<Record<string, string | readonly string[]>> = {}): number {
    return this.#of(name, wanted).reduce((sum, each) => sum + each.value, 0);
  }

  /** Values that a label of a metric has. */
  valuesOf(name: string, label: string): readonly string[] {
    return [...new Set(this.#of(name, {}).map(({ labels }) => labels[label] ?? ""))];
  }

  #of(name: string, wanted: Readonly<Record<string, string | readonly string[]>>) {
    return this.#series.filter(
      (each) =>
        each.name === name &&
        Object.entries(wanted).every(([label, values]) => [values].flat().includes(each.labels[label] ?? "")),
    );
  }
}

/** One equation: what it says, and both sides. */
export interface Equation {
  readonly claim: string;
  readonly left: number;
  readonly right: number;
}

const SIGNALS = ["traces", "metrics", "logs"] as const;

/** Records that consumers have not read, or read and not accounted for: 0 at a quiet moment. */
export function unsettled(metrics: Metrics): number {
  return (
    metrics.sum("tocsin_spool_consumer_unread_bytes") + metrics.sum("tocsin_spool_consumer_in_hand_records")
  );
}

/** Everything that must hold in one collector at a quiet moment, whatever happened to it since its start. */
export function equations(metrics: Metrics): readonly Equation[] {
  return [...doors(metrics), ...consumers(metrics), ...exporters(metrics), ...ends(metrics)];
}

function doors(metrics: Metrics): Equation[] {
  return SIGNALS.flatMap((signal) => {
    const items = (what: string) => metrics.sum(`tocsin_receive_${what}_items_total`, { signal });
    return [
      {
        claim: `${signal}: received = accepted + rejected + failed`,
        left: items("received"),
        right: items("accepted") + items("rejected") + items("failed"),
      },
      {
        claim: `${signal}: requests taken = requests in the spool`,
        left: metrics.sum("tocsin_receive_requests_total", { signal, answer: ["ok", "partial"] }),
        right: metrics.sum("tocsin_spool_appended_records_total", { signal }),
      },
    ];
  });
}

function consumers(metrics: Metrics): Equation[] {
  return metrics.valuesOf("tocsin_spool_consumer_unread_bytes", "consumer").flatMap((consumer) => {
    const records = (what: string) => metrics.sum(`tocsin_spool_${what}_records_total`, { consumer });
    return [
      {
        claim: `${consumer}: appended + replayed = read`,
        left: metrics.sum("tocsin_spool_appended_records_total") + records("replayed"),
        right: records("read"),
      },
      { claim: `${consumer}: read = settled`, left: records("read"), right: records("settled") },
    ];
  });
}

function exporters(metrics: Metrics): Equation[] {
  return metrics.valuesOf("tocsin_export_read_records_total", "exporter").flatMap((exporter) => {
    const count = (what: string, unit: string, labels: Labels = {}) =>
      metrics.sum(`tocsin_export_${what}_${unit}_total`, { exporter, ...labels });
    const spans = (labels: Labels = {}) =>
      metrics.sum("tocsin_tail_sampling_spans_total", { exporter, ...labels });
    const own: Equation[] = ["items", "records"].map((unit) => ({
      claim: `${exporter}: ${unit} read = sent + dropped`,
      left: count("read", unit),
      right: count("sent", unit) + count("dropped", unit),
    }));
    const settled = (outcome: string) =>
      metrics.sum("tocsin_spool_settled_records_total", { consumer: exporter, outcome });
    own.push({
      claim: `${exporter}: sent is passed on, dropped is dropped`,
      left: count("sent", "records") * 1e9 + count("dropped", "records"),
      right: settled("passed_on") * 1e9 + settled("dropped"),
    });
    if (spans() === 0) return own;
    return [
      ...own,
      { claim: `${exporter}: spans read = spans decided on`, left: count("read", "items"), right: spans() },
      {
        claim: `${exporter}: sampled away = decided against`,
        left: count("dropped", "items", { reason: "sampled" }),
        right: spans({ decision: "dropped" }),
      },
    ];
  });
}

function ends(metrics: Metrics): Equation[] {
  const tables = metrics.valuesOf("tocsin_store_rows_accepted_total", "table").map((table) => {
    const rows = (what: string) => metrics.sum(`tocsin_store_rows_${what}_total`, { table });
    return {
      claim: `${table}: accepted = written + dropped`,
      left: rows("accepted"),
      right: rows("written") + rows("dropped"),
    };
  });
  const targets = metrics.valuesOf("tocsin_remote_write_read_samples_total", "target").map((target) => {
    const samples = (what: string) => metrics.sum(`tocsin_remote_write_${what}_samples_total`, { target });
    return {
      claim: `${target}: samples read = sent + dropped`,
      left: samples("read"),
      right: samples("sent") + samples("dropped"),
    };
  });
  return [...tables, ...targets];
}

/** In a collector that began with an empty spool, what came in at the doors is what each end has seen. */
export function fromDoorToEnd(metrics: Metrics): readonly Equation[] {
  const accepted = (signal: string) => metrics.sum("tocsin_receive_accepted_items_total", { signal });
  const exported = (signal: string) => metrics.sum("tocsin_export_read_items_total", { signal });
  const rows = (table: string) => metrics.sum("tocsin_store_rows_accepted_total", { table });
  return [
    { claim: "spans of the doors = rows", left: accepted("traces"), right: rows("otel_traces") },
    { claim: "log records of the doors = rows", left: accepted("logs"), right: rows("otel_logs") },
    ...SIGNALS.map((signal) => ({
      claim: `${signal} of the doors = read by the exporter`,
      left: accepted(signal),
      right: exported(signal),
    })),
  ];
}

/** Those that do not hold, in words. */
export function broken(all: readonly Equation[]): string[] {
  return all
    .filter(({ left, right }) => left !== right)
    .map(({ claim, left, right }) => `${claim}: ${left} ≠ ${right}`);
}
