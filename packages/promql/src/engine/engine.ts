import { type Clock, systemClock, type UnixMs } from "@tocsin/model";
import { evalError, PromQLError } from "../errors.js";
import type { Queryable, QueryOptions } from "../queryable.js";
import { type InstantResult, MatrixResult, type RangeResult, ScalarResult, StringResult } from "../result.js";
import type { Storage } from "../storage.js";
import { type Expression, withoutParens } from "../syntax/ast.js";
import { typeName, valueType } from "../syntax/check.js";
import { parse, tooDeep } from "../syntax/parse.js";
import type { Context } from "./context.js";
import { evaluate } from "./evaluate.js";
import { checkFeatures, type Feature, hasFeature } from "./features.js";
import { matrixOf, rawMatrix, scalarMatrix, vectorOf } from "./finish.js";
import type { Frame } from "./frame.js";
import { Governor } from "./governor.js";
import { Notes } from "./notes.js";
import { reachOf } from "./reach.js";

/** Options of an engine; every one has a default. */
export interface EngineOptions {
  /** How far back an instant selector looks for a sample. Default 5 minutes. */
  readonly lookbackDeltaMs?: number;
  /** Step of subqueries that name none. Default 1 minute. */
  readonly defaultSubqueryStepMs?: number;
  /** Samples and result points that one query may hold at a time. Default 50 million. */
  readonly maxSamples?: number;
  /** Steps that one range query may have. Default 11,000, as Prometheus's HTTP API allows. */
  readonly maxSteps?: number;
  /** Time that one query may take. Default 2 minutes. */
  readonly timeoutMs?: number;
  /** Optional parts of the language. Default none. */
  readonly features?: readonly Feature[];
  /** Time as a parameter, for the time limit. Default the system's. */
  readonly clock?: Pick<Clock, "now">;
}

/**
 * Evaluates PromQL over any storage. Holds no data and no state between queries, so that one engine serves all.
 *
 * @example
 * const engine = new Engine();
 * const result = await engine.instantQuery(storage, 'sum by (job) (rate(http_requests_total[5m]))', Date.now());
 */
export class Engine {
  readonly #lookbackMs: number;
  readonly #subqueryStepMs: number;
  readonly #maxSamples: number;
  readonly #maxSteps: number;
  readonly #timeoutMs: number;
  readonly #features: ReadonlySet<Feature>;
  readonly #clock: Pick<Clock, "now">;

  constructor(options: EngineOptions = {}) {
    this.#lookbackMs = options.lookbackDeltaMs ?? 300_000;
    this.#subqueryStepMs = options.defaultSubqueryStepMs ?? 60_000;
    this.#maxSamples = options.maxSamples ?? 50_000_000;
    this.#maxSteps = options.maxSteps ?? 11_000;
    this.#timeoutMs = options.timeoutMs ?? 120_000;
    this.#features = new Set(options.features ?? []);
    this.#clock = options.clock ?? systemClock;
  }

  /** Evaluates `query` at one time. @throws {PromQLError} */
  async instantQuery(
    storage: Storage,
    query: string,
    tMs: UnixMs,
    options: QueryOptions = {},
  ): Promise<InstantResult> {
    const expression = this.#parsed(query);
    const frame: Frame = { startMs: tMs, stepMs: 1, count: 1 };
    return this.#run(storage, query, expression, frame, 0, options, async (context) => {
      const bare = withoutParens(expression);
      if (bare.kind === "matrix-selector" || bare.kind === "subquery") {
        return new MatrixResult(await rawMatrix(bare, frame, context), context.notes.annotations);
      }
      const value = await evaluate(expression, frame, context);
      const { annotations } = context.notes;
      if (value.type === "string") return new StringResult(tMs, value.value, annotations);
      if (value.type === "scalar") return new ScalarResult(tMs, value.values[0] ?? Number.NaN, annotations);
      return vectorOf(value.grid, tMs, context);
    });
  }

  /** Evaluates `query` at `startMs`, `startMs + stepMs`, … up to `endMs`. @throws {PromQLError} */
  async rangeQuery(
    storage: Storage,
    query: string,
    startMs: UnixMs,
    endMs: UnixMs,
    stepMs: number,
    options: QueryOptions = {},
  ): Promise<RangeResult> {
    const expression = this.#parsed(query);
    const type = valueType(expression);
    if (type !== "vector" && type !== "scalar") {
      throw new PromQLError(
        "PROMQL_PARSE",
        `invalid expression type "${typeName(type)}" for range query, must be Scalar or instant Vector`,
        { range: expression.range },
      );
    }
    if (!(stepMs > 0))
      throw evalError(`zero or negative query resolution step widths are not accepted, got ${stepMs} ms`);
    if (endMs < startMs) throw evalError("end timestamp must not be before start time");
    const count = Math.floor((endMs - startMs) / stepMs) + 1;
    if (count > this.#maxSteps) {
      throw new PromQLError(
        "PROMQL_LIMIT",
        `exceeded maximum resolution of ${this.#maxSteps} points per timeseries: ${count} asked for. Use a larger step or a shorter range.`,
      );
    }
    const frame: Frame = { startMs, stepMs, count };
    return this.#run(
      storage,
      query,
      expression,
      frame,
      stepMs,
      options,
      async (context) => {
        const value = await evaluate(expression, frame, context);
        if (value.type === "scalar") return scalarMatrix(value.values, frame, context);
        if (value.type === "string") throw evalError("a range query cannot give a string");
        return matrixOf(value.grid, frame, context);
      },
      endMs,
    );
  }

  /** This engine over one storage, as something that answers queries. */
  over(storage: Storage): Queryable {
    return {
      instantQuery: (query, tMs, options) => this.instantQuery(storage, query, tMs, options),
      rangeQuery: (query, startMs, endMs, stepMs, options) =>
        this.rangeQuery(storage, query, startMs, endMs, stepMs, options),
    };
  }

  #parsed(query: string): Expression {
    const expression = parse(query);
    checkFeatures(query, expression, this.#features);
    return expression;
  }

  async #run<Result>(
    storage: Storage,
    query: string,
    expression: Expression,
    frame: Frame,
    stepMs: number,
    options: QueryOptions,
    compute: (context: Context) => Promise<Result>,
    endMs = frame.startMs,
  ): Promise<Result> {
    const timeoutMs = Math.min(options.timeoutMs ?? this.#timeoutMs, this.#timeoutMs);
    const governor = new Governor({
      maxSamples: this.#maxSamples,
      timeoutMs,
      signal: options.signal,
      clock: this.#clock,
    });
    const base = {
      query,
      governor,
      notes: new Notes(query),
      lookbackMs: this.#lookbackMs,
      defaultSubqueryStepMs: this.#subqueryStepMs,
      delaysNameRemoval: hasFeature(this.#features, "promql-delayed-name-removal"),
      usesStartTimestamps: hasFeature(this.#features, "use-start-timestamps"),
      signal: options.signal,
      startMs: frame.startMs,
      endMs,
      stepMs,
    };
    const { minMs, maxMs } = reachOf(expression, frame, base);
    const querier = storage.querier(minMs, maxMs);
    base.notes.askStorage(() => querier.warnings?.() ?? []);
    try {
      const context: Context = {
        ...base,
        querier,
        evaluate: (inner, innerFrame) => evaluate(inner, innerFrame, context),
      };
      return await compute(context);
    } catch (error) {
      if (error instanceof RangeError) throw tooDeep(error);
      throw error;
    } finally {
      querier.close?.();
    }
  }
}
