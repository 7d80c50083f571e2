import { ratio } from "@tocsin/model/config";
import { z } from "zod";
import { encodeTextAttribute } from "../otlp/parts.js";
import { type RewriteRules, rewriteRequest } from "../otlp/rewrite.js";
import { sampleTraces } from "./head-sampling.js";
import type { Transform } from "./pieces.js";
import { type RedactConfig, redactAttributes } from "./redact.js";
import { TailConfig } from "./tail/config.js";

export const SampleConfig = z
  .strictObject({
    traces: ratio()
      .refine((value) => value > 0, {
        message: "A ratio of 0 would drop every trace; leave `forward` out instead.",
      })
      .default(1)
      .describe(
        "Share of traces that is passed on; the same traces everywhere, whole, and weighed by their trace state. Signals and SLOs are computed before.",
      ),
    tail: TailConfig.optional().describe(
      "Which traces are passed on, decided when they are whole. Signals and SLOs are computed before.",
    ),
  })
  .refine(({ traces, tail }) => traces === 1 || tail === undefined, {
    message: "Both would sample one after the other. Put a probabilistic policy under tail instead.",
    path: ["traces"],
  });
export type SampleConfig = z.infer<typeof SampleConfig>;

export interface TransformOptions {
  readonly redact?: RedactConfig;
  readonly sample?: SampleConfig;
  /** Tells of each span whether it stays; without it, `sample.traces` does. */
  readonly span?: RewriteRules["item"];
  /** Added to resources that do not have them, such as `k8s.pod.name` from the downward API. */
  readonly resourceAttributes?: Readonly<Record<string, string>>;
}

/** What is done to requests on their way out; undefined when nothing is, so that they need not be looked at. */
export function createTransform(options: TransformOptions): Transform | undefined {
  const attribute = options.redact && redactAttributes(options.redact);
  const share = options.sample?.traces ?? 1;
  const item = options.span ?? (share < 1 ? sampleTraces(share) : undefined);
  const additions = Object.entries(options.resourceAttributes ?? {}).map(([key, text]) =>
    encodeTextAttribute(key, text),
  );
  if (!attribute && !item && additions.length === 0) return undefined;
  const common: RewriteRules = { attribute, resourceAttributes: additions };
  const ofTraces: RewriteRules = { ...common, item };
  return (signal, body) => {
    const changed = rewriteRequest(signal, body, signal === "traces" ? ofTraces : common);
    return changed.length === 0 ? undefined : changed;
  };
}
