import type { Sampler } from "@opentelemetry/api";
import { globalErrorHandler } from "@opentelemetry/core";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";

/** A span processor whose faults are told of, and are not those of the code whose span it is. */
export function guardedProcessor(processor: SpanProcessor): SpanProcessor {
  return {
    onStart: (span, parent) => guarded(() => processor.onStart(span, parent)),
    onEnding: (span) => guarded(() => processor.onEnding?.(span)),
    onEnd: (span) => guarded(() => processor.onEnd(span)),
    forceFlush: () => processor.forceFlush(),
    shutdown: () => processor.shutdown(),
  };
}

/** A sampler that takes what it fails to decide on. */
export function guardedSampler(sampler: Sampler): Sampler {
  return {
    shouldSample: (...args) => {
      try {
        return sampler.shouldSample(...args);
      } catch (error) {
        globalErrorHandler(error as Error);
        return { decision: RECORD_AND_SAMPLED };
      }
    },
    toString: () => sampler.toString(),
  };
}

/** What the callback gives; what it throws is told of. */
export function guarded<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    globalErrorHandler(error as Error);
    return undefined;
  }
}

const RECORD_AND_SAMPLED = 2;
