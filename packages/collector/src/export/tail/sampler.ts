import type { Registry } from "prom-client";
import type { SpanColumns } from "../../otlp/columns.js";
import { decodeTraces, textAt } from "../../otlp/index.js";
import type { RewriteRules } from "../../otlp/rewrite.js";
import { keptAt } from "../head-sampling.js";
import { randomnessOf, readSpanIdentity } from "../probability.js";
import type { SpanConditions } from "./conditions.js";
import type { TailConfig } from "./config.js";
import { type Decision, decide, type Granted, isKept } from "./decide.js";
import { type DecisionBook, READ_BACK } from "./decision-book.js";
import { TailMetrics } from "./metrics.js";
import { compilePolicies, type Policy, type TraceFacts } from "./policy.js";

export interface TailSamplerOptions {
  /** For metrics. */
  readonly name: string;
  readonly config: TailConfig;
  readonly book: DecisionBook;
  /** Where `tocsin_tail_sampling_*` are registered. */
  readonly registry: Registry;
}

/** Traces first seen in one second. */
interface Second {
  readonly traces: Map<string, TraceFacts>;
  readonly granted: Granted;
}

/**
 * Decides on whole traces by what their spans turned out to be.
 *
 * `observe` gathers facts from requests that will be sent later; `decideBefore` decides; `item` then tells of each span
 * whether it stays. Spans are not held here, only facts, of at most `num_traces` traces.
 */
export class TailSampler {
  readonly #name: string;
  readonly #maxTraces: number;
  readonly #policies: readonly Policy[];
  readonly #conditions: SpanConditions;
  readonly #book: DecisionBook;
  readonly #metrics: TailMetrics;
  /** In order of time. */
  readonly #seconds = new Map<number, Second>();
  /** The second in which each waiting trace was first seen. */
  readonly #waiting = new Map<string, Second>();

  constructor({ name, config, book, registry }: TailSamplerOptions) {
    this.#name = name;
    this.#maxTraces = config.num_traces;
    this.#book = book;
    this.#metrics = new TailMetrics(registry);
    ({ policies: this.#policies, conditions: this.#conditions } = compilePolicies(config.policies));
  }

  /**
   * Gathers what a request of traces tells.
   *
   * @param second in which it was received; never less than that of the request before
   */
  observe(body: Buffer, second: number): void {
    let spans: SpanColumns;
    try {
      spans = decodeTraces(body, { attributes: this.#conditions.keys, events: false, links: false });
    } catch {
      // The receiver checks what it takes, so this is a fault of ours. What is not known is kept.
      this.#metrics.unreadable.inc({ exporter: this.#name });
      return;
    }
    const ofResources = this.#conditions.ofResources(spans);
    for (let row = 0; row < spans.rowCount; row++) {
      const id = spans.bytes.toString("latin1", spans.traceId[row], spans.traceId[row] + 16);
      if (this.#book.get(id) !== undefined) {
        this.#metrics.late.inc({ exporter: this.#name });
        continue;
      }
      const conditions =
        ofResources[spans.scopes[spans.scope[row]].resource] | this.#conditions.ofSpan(spans, row);
      note(this.#factsOf(id, second), spans, row, conditions);
    }
    if (this.#waiting.size > this.#maxTraces) this.#makeRoom();
    this.#metrics.waiting.set({ exporter: this.#name }, this.#waiting.size);
  }

  /** Decides on the traces that were first seen before a second began. */
  decideBefore(second: number): void {
    for (const [each, content] of this.#seconds) {
      if (each >= second) break;
      this.#decide(content);
      this.#seconds.delete(each);
    }
    this.#metrics.waiting.set({ exporter: this.#name }, this.#waiting.size);
    this.#metrics.remembered.set({ exporter: this.#name }, this.#book.size);
  }

  /** What becomes of a span, by what was decided on its trace; keeps what it does not know. */
  readonly item: NonNullable<RewriteRules["item"]> = (bytes, start, end) => {
    const span = readSpanIdentity(bytes, start, end);
    // All that read leave a span without an id out.
    if (span.traceId === 0) return "keep";
    const decision = this.#book.get(bytes.toString("latin1", span.traceId, span.traceId + 16)) ?? UNKNOWN;
    this.#metrics.spans.inc(this.#labelsOf(decision));
    return isKept(decision) ? keptAt(decision.threshold, span) : "drop";
  };

  #factsOf(id: string, second: number): TraceFacts {
    let content = this.#waiting.get(id);
    if (content === undefined) {
      content = this.#seconds.get(second);
      if (content === undefined) {
        content = { traces: new Map(), granted: [] };
        this.#seconds.set(second, content);
      }
      this.#waiting.set(id, content);
    }
    let facts = content.traces.get(id);
    if (facts === undefined) {
      const randomness = randomnessOf(Buffer.from(id, "latin1"), 0, "");
      facts = { randomness, startMs: Infinity, endMs: -Infinity, spans: 0, statuses: 0, conditions: 0 };
      content.traces.set(id, facts);
    }
    return facts;
  }

  /** Decides on the oldest traces by what is known of them so far. */
  #makeRoom(): void {
    for (const content of this.#seconds.values()) {
      if (this.#waiting.size <= this.#maxTraces) return;
      this.#metrics.early.inc({ exporter: this.#name }, content.traces.size);
      this.#decide(content);
    }
  }

  #decide({ traces, granted }: Second): void {
    const decisions = decide(this.#policies, [...traces.values()], granted);
    let index = 0;
    for (const id of traces.keys()) {
      const decision = decisions[index++];
      this.#book.add(id, decision);
      this.#waiting.delete(id);
      this.#metrics.traces.inc(this.#labelsOf(decision));
    }
    traces.clear();
  }

  #labelsOf(decision: Decision): { exporter: string; policy: string; decision: string } {
    const policy =
      decision.policy === READ_BACK ? "restart" : (this.#policies[decision.policy]?.name ?? "none");
    return { exporter: this.#name, policy, decision: isKept(decision) ? "kept" : "dropped" };
  }
}

/** A trace that was forgotten, or never seen ahead. */
const UNKNOWN: Decision = { threshold: 0, policy: -1 };

function note(facts: TraceFacts, spans: SpanColumns, row: number, conditions: number): void {
  facts.spans++;
  facts.startMs = Math.min(facts.startMs, spans.startTimeMs[row]);
  facts.endMs = Math.max(facts.endMs, spans.endTimeMs[row]);
  facts.statuses |= 1 << spans.statusCode[row];
  facts.conditions |= conditions;
  const stateStart = spans.traceStateStart[row];
  if (stateStart === 0) return;
  const traceState = textAt(spans.bytes, stateStart, spans.traceStateEnd[row]);
  if (traceState.includes("rv:"))
    facts.randomness = randomnessOf(spans.bytes, spans.traceId[row], traceState);
}
