import type { ExportOutcome } from "../lifecycle/delivery-report.js";

/** The part of OpenTelemetry's exporters that is the same for all signals. */
interface Exporter<T> {
  export(items: T, done: (result: Result) => void): void;
}

interface Result {
  /** 0 is success. */
  readonly code: number;
  readonly error?: Error;
}

/**
 * Has an exporter's outcomes told: OpenTelemetry's exporters keep failures to themselves. One that is still trying after a
 * while is told of before it gives up.
 */
export function told<T, E extends Exporter<T>>(exporter: E, tell: (outcome: ExportOutcome) => void): E {
  const original = exporter.export;
  exporter.export = (items, done) => {
    const startMs = performance.now();
    const timer = setTimeout(() => tell({ why: `no success in ${SILENCE_MS / 1000} s` }), SILENCE_MS);
    timer.unref();
    original.call(exporter, items, (result) => {
      clearTimeout(timer);
      tell(
        result.code === 0
          ? { ms: performance.now() - startMs }
          : { why: result.error?.message ?? "it gave no reason" },
      );
      done(result);
    });
  };
  return exporter;
}

const SILENCE_MS = 5000;
