import type { Clock } from "@tocsin/model";
import {
  type Annotations,
  MatrixResult,
  type Queryable,
  type QueryOptions,
  VectorResult,
} from "@tocsin/promql";
import type { Router } from "express";
import { type Answer, ApiError, answering, invalidParameter } from "./answer.js";
import { Params } from "./params.js";

export interface QueryDeps {
  readonly queryable: Queryable;
  readonly clock: Clock;
  /** Longest time for one query; a smaller `timeout` parameter is honoured. */
  readonly maxQueryMs: number;
}

/** More steps than this are refused, as Prometheus does: a screen has fewer pixels. */
const MAX_STEPS = 11_000;

/** `query` and `query_range`. */
export function queryRoutes(router: Router, deps: QueryDeps): void {
  const instant = answering((request, signal) => instantQuery(new Params(request), deps, signal));
  const range = answering((request, signal) => rangeQuery(new Params(request), deps, signal));
  router.get("/query", instant);
  router.post("/query", instant);
  router.get("/query_range", range);
  router.post("/query_range", range);
}

async function instantQuery(params: Params, deps: QueryDeps, signal: AbortSignal): Promise<Answer> {
  const limit = params.limit();
  const timeMs = params.time("time", deps.clock.now());
  const options = queryOptions(params, deps, signal);
  const result = await deps.queryable.instantQuery(params.text("query"), timeMs, options);
  const { annotations } = result;
  if (result instanceof VectorResult && limit > 0 && result.samples.length > limit) {
    return cut(new VectorResult(result.samples.slice(0, limit)).toJSON(), annotations);
  }
  if (result instanceof MatrixResult && limit > 0 && result.series.length > limit) {
    return cut(new MatrixResult(result.series.slice(0, limit)).toJSON(), annotations);
  }
  return { data: result.toJSON(), annotations };
}

async function rangeQuery(params: Params, deps: QueryDeps, signal: AbortSignal): Promise<Answer> {
  const limit = params.limit();
  const startMs = params.requiredTime("start");
  const endMs = params.requiredTime("end");
  if (endMs < startMs) throw invalidParameter("end", "end timestamp must not be before start time");
  const stepMs = Math.trunc(params.requiredDurationMs("step"));
  if (stepMs <= 0) {
    throw invalidParameter(
      "step",
      "zero or negative query resolution step widths are not accepted. Try a positive integer",
    );
  }
  if ((endMs - startMs) / stepMs > MAX_STEPS) {
    throw new ApiError(
      "bad_data",
      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    );
  }
  const options = queryOptions(params, deps, signal);
  const result = await deps.queryable.rangeQuery(params.text("query"), startMs, endMs, stepMs, options);
  const { annotations } = result;
  if (limit > 0 && result.series.length > limit) {
    return cut(new MatrixResult(result.series.slice(0, limit)).toJSON(), annotations);
  }
  return { data: result.toJSON(), annotations };
}

function queryOptions(params: Params, { maxQueryMs }: QueryDeps, signal: AbortSignal): QueryOptions {
  const asked = params.durationMs("timeout");
  return { signal, timeoutMs: asked === undefined ? maxQueryMs : Math.min(asked, maxQueryMs) };
}

/** A result with fewer series than there were, and a warning that says so. */
function cut(data: unknown, { warnings, infos }: Annotations): Answer {
  return { data, annotations: { warnings: [...warnings, TRUNCATED], infos } };
}

/** The warning that goes with every answer cut to a `limit`. */
export const TRUNCATED = "results truncated due to limit";
