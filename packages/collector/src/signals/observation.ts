import type { ObservedRequests, RequestClass } from "./requests.js";

/** Latencies of the requests of one metric point. */
export interface LatencyCounts {
  countAbove(thresholdSeconds: number): number;
}

/** Observed requests that are filled anew for every span or point, so that the hot path allocates nothing. */
export class Observation implements ObservedRequests {
  kind: RequestClass = "server";
  source: "spans" | "metrics" = "spans";
  service = "";
  /** `service.namespace`, or "". */
  namespace = "";
  version = "";
  environment = "";
  instance = "";
  route = "";
  /** Parts of the route, where it is one of HTTP or RPC: the method, and `http.route`. */
  method = "";
  template = "";
  /** HTTP or RPC status, or "". */
  status = "";
  /** `messaging.system`, `rpc.system`, or "http"; "" for anything else. */
  system = "";
  fromSecond = 0;
  toSecond = 0;
  count = 0;
  isError = false;
  errorType = "";
  /** Seconds; the latency of every request that this stands for. NaN when `latencies` tells instead. */
  latencySeconds = Number.NaN;
  latencies: LatencyCounts | undefined;
  /** Of a message: the group that its consumer belongs to, or "". */
  consumerGroup = "";
  /** Attributes that are grouped by, and their values here; "" where one is absent. */
  readonly groupKeys: readonly string[];
  readonly groupValues: string[];

  constructor(groupKeys: readonly string[] = []) {
    this.groupKeys = groupKeys;
    this.groupValues = groupKeys.map(() => "");
  }

  countSlowerThan(thresholdSeconds: number): number {
    if (this.latencies) return this.latencies.countAbove(thresholdSeconds);
    return this.latencySeconds > thresholdSeconds ? this.count : 0;
  }

  attribute(key: string): string {
    return this.groupValues[this.groupKeys.indexOf(key)] ?? "";
  }
}

/** Explicit buckets of one point: counts between bounds, exact where a threshold is a bound. */
export class ExplicitLatencies implements LatencyCounts {
  readonly bounds: ArrayLike<number>;
  readonly counts: ArrayLike<number>;

  /** @param unitSeconds how many seconds one unit of the bounds is */
  constructor(bounds: ArrayLike<number>, counts: ArrayLike<number>, unitSeconds: number) {
    this.bounds = unitSeconds === 1 ? bounds : Float64Array.from(bounds, (bound) => bound * unitSeconds);
    this.counts = counts;
  }

  /** Values over the last bound cannot be told apart; a threshold beyond it counts them all as over. */
  countAbove(thresholdSeconds: number): number {
    let above = 0;
    for (let index = 0; index < this.counts.length; index++) {
      const low = index === 0 ? 0 : (this.bounds[index - 1] ?? 0);
      const high = this.bounds[index] ?? Number.POSITIVE_INFINITY;
      const count = this.counts[index] ?? 0;
      if (low >= thresholdSeconds) above += count;
      else if (high > thresholdSeconds && Number.isFinite(high)) {
        above += (count * (high - thresholdSeconds)) / (high - low);
      } else if (high > thresholdSeconds) above += count;
    }
    return above;
  }
}
