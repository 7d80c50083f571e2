import type { Labels, UnixMs } from "@tocsin/model";
import { messageOf } from "@tocsin/model";
import {
  type InstantResult,
  MatrixResult,
  PromQLError,
  type Queryable,
  type QueryOptions,
  type RangeResult,
  ScalarResult,
  StringResult,
  VectorResult,
} from "@tocsin/promql";
import { z } from "zod";

export interface HttpQueryableOptions {
  /** What stands before `/api/v1/query`, such as `http://localhost:9090`. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
}

const point = z.tuple([z.number(), z.string()]);
const metric = z.record(z.string(), z.string());
const Data = z.discriminatedUnion("resultType", [
  z.object({
    resultType: z.literal("vector"),
    result: z.array(z.object({ metric, value: point.optional() })),
  }),
  z.object({
    resultType: z.literal("matrix"),
    result: z.array(z.object({ metric, values: z.array(point).default([]) })),
  }),
  z.object({ resultType: z.literal("scalar"), result: point }),
  z.object({ resultType: z.literal("string"), result: point }),
]);
const Answer = z.object({
  status: z.string(),
  data: Data.optional(),
  errorType: z.string().optional(),
  error: z.string().optional(),
});

/**
 * Any server with Prometheus's HTTP API as a source of answers: with it this package works without a collector.
 * Native histograms in answers are left out.
 */
export function createHttpQueryable(options: HttpQueryableOptions): Queryable {
  const base = options.url.replace(/\/$/, "");
  const ask = async (
    path: string,
    form: Record<string, string>,
    query?: QueryOptions,
  ): Promise<z.output<typeof Data>> => {
    const timeout = AbortSignal.timeout(query?.timeoutMs ?? options.timeoutMs ?? 30_000);
    try {
      const response = await (options.fetch ?? fetch)(`${base}${path}`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded", ...options.headers },
        body: new URLSearchParams(form).toString(),
        signal: query?.signal ? AbortSignal.any([timeout, query.signal]) : timeout,
        redirect: "error",
      });
      const answer = Answer.parse(await response.json());
      if (answer.data) return answer.data;
      throw failure(answer.errorType, answer.error ?? `status ${response.status}`);
    } catch (error) {
      if (error instanceof PromQLError) throw error;
      const code = timeout.aborted ? "PROMQL_TIMEOUT" : "PROMQL_EVAL";
      throw new PromQLError(code, `${new URL(base).host} gave no answer to a query: ${messageOf(error)}`, {
        cause: error,
        retryable: true,
      });
    }
  };
  return {
    async instantQuery(query, tMs, more): Promise<InstantResult> {
      return instantOf(await ask("/api/v1/query", { query, time: String(tMs / 1_000) }, more));
    },
    async rangeQuery(query, startMs, endMs, stepMs, more): Promise<RangeResult> {
      const form = {
        query,
        start: String(startMs / 1_000),
        end: String(endMs / 1_000),
        step: String(stepMs / 1_000),
      };
      const result = instantOf(await ask("/api/v1/query_range", form, more));
      return result.resultType === "matrix" ? result : new MatrixResult([]);
    },
  };
}

function failure(kind: string | undefined, message: string): PromQLError {
  const code = kind === "bad_data" ? "PROMQL_PARSE" : kind === "timeout" ? "PROMQL_TIMEOUT" : "PROMQL_EVAL";
  return new PromQLError(code, message);
}

function instantOf(data: z.output<typeof Data>): InstantResult {
  switch (data.resultType) {
    case "vector":
      return new VectorResult(
        data.result.flatMap(({ metric: labels, value }) =>
          value ? [{ labels: labels as Labels, tMs: toMs(value[0]), value: numberOf(value[1]) }] : [],
        ),
      );
    case "scalar":
      return new ScalarResult(toMs(data.result[0]), numberOf(data.result[1]));
    case "string":
      return new StringResult(toMs(data.result[0]), data.result[1]);
    case "matrix":
      return new MatrixResult(
        data.result.map(({ metric: labels, values }) => ({
          labels,
          timestamps: Float64Array.from(values, ([seconds]) => toMs(seconds)),
          values: Float64Array.from(values, ([, text]) => numberOf(text)),
          histograms: [],
        })),
      );
  }
}

function toMs(seconds: number): UnixMs {
  return Math.round(seconds * 1_000);
}

function numberOf(text: string): number {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}
