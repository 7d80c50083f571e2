/** Who answered: one version of one service in one environment. */
export interface ServiceIdentity {
  readonly service: string;
  /** `service.version`, or "". */
  readonly version: string;
  /** `deployment.environment.name`, or "". */
  readonly environment: string;
}

/**
 * Requests that a service answered (or messages that it handled), all of one route and outcome. A span is one
 * request; a metric point is as many as it counts. Reused between calls: read it, do not keep it.
 */
export interface ObservedRequests extends ServiceIdentity {
  /** `http.route`, RPC method, messaging destination, or "" where none is known. */
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
}

/** Takes every observed request once: the choice between spans and metrics has been made. */
export interface RequestSink {
  onRequests(requests: ObservedRequests): void;
}
