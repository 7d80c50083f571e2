import { setFlagsFromString } from "node:v8";

/**
 * V8 lets the space of young objects grow to tens of megabytes before it looks for garbage. This keeps it at its first
 * megabyte: memory for a little CPU. Called before the collector's code is loaded, which makes much garbage.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** V8's own way: for a collector that stands alone, where throughput counts more. */
export function letYoungGenerationGrow(): void {
  setFlagsFromString("--semi-space-growth-factor=2");
}
