import { diag } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { tellOtelFaults } from "./otel-faults.js";
import { Voice } from "./say.js";

afterEach(() => diag.disable());

test("errors within OpenTelemetry are said in a line, each once a minute", () => {
  const lines: string[] = [];
  let nowMs = 0;
  tellOtelFaults(new Voice("info", (line) => void lines.push(line)), () => nowMs);
  diag.error("Error: boom\n    at somewhere");
  diag.error(JSON.stringify({ stack: "x", message: "bang" }));
  diag.warn("nothing to act upon");
  diag.error("PeriodicExportingMetricReader: metrics export failed (error x)");
  nowMs = 59_999;
  diag.error("Error: boom\n    at elsewhere");
  nowMs = 60_000;
  diag.error("the processor failed", new Error("boom"));
  for (const api of ["trace", "context"])
    diag.error(`Error: @opentelemetry/api: Attempted duplicate registration of API: ${api}`);
  expect(lines).toEqual([
    "tocsin: OpenTelemetry says: Error: boom\n",
    "tocsin: OpenTelemetry says: bang\n",
    "tocsin: OpenTelemetry says: the processor failed boom\n",
    "tocsin: OpenTelemetry is set up twice in this process, and what comes second is refused; hand span processors, a sampler or a propagator of your own to start() instead.\n",
  ]);
});

test("a logger of the service's own stays", () => {
  const own: string[] = [];
  const nothing = (): void => {};
  diag.setLogger({
    error: (text) => void own.push(text),
    warn: nothing,
    info: nothing,
    debug: nothing,
    verbose: nothing,
  });
  tellOtelFaults(new Voice("info", nothing), () => 0);
  diag.error("boom");
  expect(own).toEqual(["boom"]);
});
