/** A number that goes up and down, with its attributes. */
export interface Gauge {
  value: number;
  readonly method: string;
  readonly scheme: string;
}

/** Requests being served right now, by method and scheme. */
export class InFlight {
  private readonly gauges = new Map<string, Gauge>();

  of(method: string, scheme: string): Gauge {
    const key = scheme === "http" ? method : `${scheme} ${method}`;
    let gauge = this.gauges.get(key);
    if (gauge === undefined) {
      gauge = { value: 0, method, scheme };
      this.gauges.set(key, gauge);
    }
    return gauge;
  }

  [Symbol.iterator](): Iterator<Gauge> {
    return this.gauges.values();
  }
}
