/** Who answered: one version of one service in one environment. */
export interface ServiceIdentity {
  readonly service: string;
  /** `service.version`, or else the image's tag or the revision; "" where none is known. */
  readonly version: string;
  /** `deployment.environment.name`, or "". */
  readonly environment: string;
}

/**
 * What a service does: it answers requests, handles messages, or runs jobs. Told apart because a service may measure one
 * kind and only trace the other.
 */
export type RequestClass = "server" | "consumer" | "job";

/**
 * Requests that a service answered (or messages that it handled, or jobs that it ran), all of one route and outcome. A
 * span is one request; a metric point is as many as it counts. Reused between calls: read it, do not keep it.
 */
export interface ObservedRequests extends ServiceIdentity {
  readonly kind: RequestClass;
  /** `http.route`, RPC method, messaging destination, the name of a job, or "" where none is known. */
  readonly route: string;
  /** Seconds since the epoch over which the requests are spread evenly; equal for a span. */
  readonly fromSecond: number;
  /** Included. */
  readonly toSecond: number;
  /** How many requests this stands for; not whole where spans were sampled. */
  readonly count: number;
  readonly isError: boolean;
  /** `error.type`, or the HTTP or RPC status, or `error`; "" for what did not fail. */
  readonly errorType: string;
  /** How many of them took longer than `thresholdSeconds`. */
  countSlowerThan(thresholdSeconds: number): number;
  /** Value of an attribute named by `signals.group_by`; "" where the requests do not carry it. */
  attribute(key: string): string;
}

/** Takes observed requests. */
export interface RequestSink {
  /** Every request once: the choice between spans and metrics has been made. */
  onRequests(requests: ObservedRequests): void;
  /**
   * Every request that carries the attribute `key` once. Spans and metrics are chosen between for every attribute apart,
   * since metrics often lack what spans carry: these need not be the requests of `onRequests`.
   */
  onGrouped?(requests: ObservedRequests, key: string): void;
  /** Every job once, also those of services that answer requests, whose own figures leave them out. */
  onJob?(requests: ObservedRequests): void;
}
