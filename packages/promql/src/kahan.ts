/** Running sum that keeps what rounding loses (Neumaier's variant of Kahan's summation). */
export class CompensatedSum {
  sum = 0;
  lost = 0;

  add(value: number): void {
    const next = this.sum + value;
    if (Math.abs(next) === Number.POSITIVE_INFINITY) this.lost = 0;
    else if (Math.abs(this.sum) >= Math.abs(value)) this.lost += this.sum - next + value;
    else this.lost += value - next + this.sum;
    this.sum = next;
  }

  get total(): number {
    return this.sum + this.lost;
  }
}

/**
 * Mean that neither overflows on large values nor loses small ones: a compensated sum until it would overflow, from then on
 * an incremental mean, compensated as well.
 */
export class CompensatedMean {
  count = 0;
  readonly #sum = new CompensatedSum();
  #isIncremental = false;

  add(value: number): void {
    this.count++;
    const sum = this.#sum;
    if (!this.#isIncremental) {
      const { sum: before, lost } = sum;
      sum.add(value);
      if (this.count === 1 || Number.isFinite(sum.sum) || Number.isNaN(sum.sum)) return;
      this.#isIncremental = true;
      sum.sum = before / (this.count - 1);
      sum.lost = lost / (this.count - 1);
    }
    const weight = (this.count - 1) / this.count;
    sum.sum *= weight;
    sum.lost *= weight;
    sum.add(value / this.count);
  }

  get mean(): number {
    if (this.count === 0) return Number.NaN;
    return this.#isIncremental ? this.#sum.total : this.#sum.sum / this.count + this.#sum.lost / this.count;
  }
}
