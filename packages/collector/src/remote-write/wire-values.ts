import { uint32At } from "../otlp/wire.js";

/** Whether the double at `at` is Prometheus's staleness marker, by its bits. */
export function isStaleBits(bytes: Buffer, at: number): boolean {
  return uint32At(bytes, at) === 2 && uint32At(bytes, at + 4) === 0x7ff00000;
}

/** An int64 that was read as unsigned. Times before 1970 come out roughly, which suffices to refuse them. */
export function signed(value: number): number {
  return value >= 2 ** 63 ? value - 2 ** 64 : value;
}
