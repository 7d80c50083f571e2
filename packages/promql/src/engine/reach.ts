import type { UnixMs } from "@tocsin/model";
import { childrenOf, type Expression, type VectorSelector } from "../syntax/ast.js";
import type { Context } from "./context.js";
import { type Frame, lastTime } from "./frame.js";
import { subqueryFrame } from "./range-source.js";
import { resolveMs, shifted } from "./selection.js";

/** Earliest and latest time that the selectors of an expression look at. */
export function reachOf(
  expression: Expression,
  frame: Frame,
  context: Omit<Context, "querier" | "evaluate">,
): { minMs: UnixMs; maxMs: UnixMs } {
  const reach = { minMs: frame.startMs - context.lookbackMs, maxMs: lastTime(frame) };
  visit(expression, frame, context, reach);
  return reach;
}

function visit(
  expression: Expression,
  frame: Frame,
  context: Omit<Context, "querier" | "evaluate">,
  reach: { minMs: UnixMs; maxMs: UnixMs },
): void {
  const extend = (selector: VectorSelector, windowMs: number) => {
    const { firstMs, lastMs } = shifted(selector, frame, context);
    reach.minMs = Math.min(reach.minMs, firstMs - windowMs - context.lookbackMs);
    reach.maxMs = Math.max(reach.maxMs, lastMs + (selector.mode === "smoothed" ? context.lookbackMs : 0));
  };
  if (expression.kind === "vector-selector") extend(expression, 0);
  else if (expression.kind === "matrix-selector")
    extend(expression.selector, resolveMs(expression.window, context));
  else if (expression.kind === "subquery") {
    const times = shifted(expression, frame, context);
    const stepMs =
      expression.step === undefined ? context.defaultSubqueryStepMs : resolveMs(expression.step, context);
    const inner = subqueryFrame(times, resolveMs(expression.window, context), stepMs);
    if (inner.count > 0) visit(expression.expression, inner, context, reach);
  } else for (const child of childrenOf(expression)) visit(child, frame, context, reach);
}
