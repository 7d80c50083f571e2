import type { TextRange } from "@tocsin/promql";
import type { Interval } from "./interval.js";
import type { LabelFacts } from "./label-facts.js";

/** What is certain of an expression, whatever data there is. */
export interface Analysis {
  readonly labels: LabelFacts;
  readonly values: Interval;
  /** Why it can never give anything; undefined where it may. */
  readonly never?: Never | undefined;
}

export interface Never {
  readonly range: TextRange;
  readonly why: string;
  readonly hint?: string | undefined;
}
