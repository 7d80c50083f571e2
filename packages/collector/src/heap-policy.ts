import { setFlagsFromString } from "node:v8";

/**
 * Memory for a little CPU. V8 lets the space of young objects grow to tens of megabytes before it looks for garbage, and
 * the old one to twice what lives in it; this keeps the first at its first megabyte and the second near what lives.
 * Called before the collector's code is loaded, which makes much garbage.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=20");
}

/** V8's own way: for a collector that stands alone, where throughput counts more. */
export function letHeapGrow(): void {
  setFlagsFromString("--semi-space-growth-factor=2");
  // Zero stands for V8's own choice.
  setFlagsFromString("--heap-growing-percent=0");
}
