import type { UnixMs } from "@tocsin/model";
import type { Querier } from "../storage.js";
import type { Expression } from "../syntax/ast.js";
import type { Frame } from "./frame.js";
import type { Governor } from "./governor.js";
import type { Grid } from "./grid.js";
import type { Notes } from "./notes.js";

/** What evaluating one query needs. */
export interface Context {
  readonly query: string;
  readonly querier: Querier;
  readonly governor: Governor;
  readonly notes: Notes;
  readonly lookbackMs: number;
  readonly defaultSubqueryStepMs: number;
  /** Whether metric names go at the end of the query rather than in each function. */
  readonly delaysNameRemoval: boolean;
  /** Whether `rate` and its kin use the start timestamps of samples. */
  readonly usesStartTimestamps: boolean;
  readonly signal: AbortSignal | undefined;
  /** The query's own times: what `start()`, `end()`, `range()` and `step()` mean. */
  readonly startMs: UnixMs;
  readonly endMs: UnixMs;
  readonly stepMs: number;
  /** Evaluates a sub-expression; handed down so that functions do not import the dispatcher. */
  evaluate(expression: Expression, frame: Frame): Promise<Value>;
}

/** What an expression evaluates to at all steps of a frame. Range vectors exist only as arguments. */
export type Value =
  | { readonly type: "scalar"; readonly values: Float64Array }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "vector"; readonly grid: Grid };
