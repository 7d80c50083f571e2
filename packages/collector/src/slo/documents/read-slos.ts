import type { Problem } from "@tocsin/model/config";
import type { SloOrigins } from "../origin.js";
import type { SloSpec } from "../spec.js";

/** SLOs of files, where they were written, and every fault in them; SLOs come from the documents that have none. */
export interface ReadSlos {
  readonly specs: readonly SloSpec[];
  readonly problems: readonly Problem[];
  readonly origins: SloOrigins;
}
