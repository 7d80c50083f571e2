/**
 * An objective in per cent as a ratio. The point of the decimal text is moved instead of dividing, so that 99.9 is
 * exactly 0.999.
 */
export function percentRatio(percent: number): number {
  const [digits = "0", exponent = "0"] = String(percent).split("e");
  return Number(`${digits}e${Number(exponent) - 2}`);
}
