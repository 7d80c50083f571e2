// The parts of the collector's HTTP API that the page reads. Instants are ISO 8601, ratios 0-1, unknown is null.
// One piece: all that the page and the collector have agreed on, to be read beside the API's own description.

type Quantiles = {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
};

export interface Figures {
  readonly trafficPerSecond: number;
  readonly errorRatio: number | null;
  readonly latencySeconds: Quantiles;
  /** How far each may be off, as a share of it; null beyond the sender's last bucket. Absent in older collectors. */
  readonly latencyRelativeErrors?: Quantiles;
}

/** How full one part of a service is, of the instance where it is the fullest. */
export interface SaturationReading {
  readonly part: string;
  readonly ratio: number;
  readonly value: number;
  readonly unit: "ratio" | "seconds" | "cpus" | "bytes" | "requests" | "connections";
  readonly fullAt: number;
  readonly metric: string;
  readonly name: string;
  readonly instance: string;
}

/** One queue or topic that a service consumes. */
export interface Messaging {
  readonly system: string;
  readonly destination: string;
  readonly consumerGroup: string;
  readonly lagMessages: number | null;
  readonly oldestSeconds: number | null;
  readonly ageSeconds: Quantiles;
}

export interface Service extends Figures {
  readonly service: string;
  readonly version: string;
  readonly environment: string;
  readonly saturation: {
    readonly ratio: number | null;
    readonly part: string | null;
    /** This and `readings` are absent in older collectors. */
    readonly instance?: string | null;
    readonly readings?: readonly SaturationReading[];
  } | null;
  readonly messaging?: readonly Messaging[];
  /** Routes that are counted together because there are too many. */
  readonly foldedRoutes?: number;
  readonly state: "receiving" | "quiet";
  readonly lastSeenAt: string;
  readonly versions?: readonly ({ readonly version: string } & Figures)[];
}

export interface SloPair {
  readonly severity: "page" | "ticket";
  readonly shortWindow: string;
  readonly longWindow: string;
  readonly limit: number;
  readonly state: "firing" | "gated" | "no-data" | "ok";
  readonly short: WindowCounts;
  readonly long: WindowCounts;
}

interface WindowCounts {
  readonly bad: number;
  readonly total: number;
  readonly burnRate: number;
}

export interface Slo {
  readonly name: string;
  readonly service: string;
  readonly description: string;
  readonly group: Readonly<Record<string, string>>;
  readonly objective: number;
  readonly window: string;
  readonly state: "ok" | "page" | "ticket" | "no-data";
  readonly good: number;
  readonly total: number;
  readonly sliRatio: number | null;
  readonly budgetRemainingRatio: number;
  readonly burnRates: Readonly<Record<string, number | null>>;
  readonly exhaustion: string;
  readonly alerts: readonly SloPair[];
}

/** One SLO with where its budget went. */
export interface SloDetail extends Slo {
  readonly spentBy: readonly {
    readonly by: string;
    readonly value: string;
    readonly bad: number;
    readonly total: number;
    readonly share: number;
    readonly budgetRatio: number;
  }[];
  readonly burnDown: readonly { readonly at: string; readonly budgetRemainingRatio: number }[];
  readonly corrections: readonly {
    readonly from: string;
    readonly to: string;
    readonly reason: string;
    readonly by: string;
  }[];
}

/** A release that began to serve, with what it changed. */
export interface Deployment {
  readonly id: string;
  readonly environment: string;
  readonly version: string;
  readonly previousVersion: string;
  readonly changed: readonly string[];
  readonly at: string;
  readonly source: "detected" | "marked";
  readonly by: string;
  readonly before: (Figures & { readonly requests: number }) | null;
  readonly after: (Figures & { readonly requests: number }) | null;
  readonly verdict: "better" | "same" | "worse" | "too little data";
}

export interface Alert {
  readonly id: string;
  readonly name: string;
  readonly state: "pending" | "firing" | "resolved" | "no-data" | "error";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly value: number | null;
  readonly activeAt: string;
  readonly startsAt: string | null;
  readonly endsAt: string | null;
  readonly actions: readonly string[];
  readonly silencedBy: readonly string[];
  readonly acknowledged: { readonly by: string } | null;
}

/** A value at even steps of time; null where there was none. */
export interface ValueHistory {
  readonly startMs: number;
  readonly stepMs: number;
  readonly values: readonly (number | null)[];
  readonly expression?: string;
  readonly operator?: string;
  readonly threshold?: number;
}

/** An alert with what was known when it fired, and who was told. */
export interface Explanation extends Alert {
  readonly receivers: readonly string[];
  readonly evidence: {
    readonly at: string;
    readonly condition?: string;
    readonly windows?: readonly {
      readonly window: string;
      readonly bad: number;
      readonly total: number;
      readonly errorRatio: number;
      readonly burnRate: number;
      readonly limit: number;
      readonly history?: ValueHistory;
    }[];
    readonly history?: ValueHistory;
    readonly values?: readonly { readonly name: string; readonly value: number }[];
    readonly changes?: readonly { readonly atMs: number; readonly kind: string; readonly text: string }[];
    readonly where?: readonly {
      readonly by: string;
      readonly value: string;
      readonly bad: number;
      readonly total: number;
      readonly share: number;
    }[];
    readonly traceIds?: readonly string[];
  } | null;
  readonly notices: readonly {
    readonly id: string;
    readonly receiver: string;
    readonly destination: string;
    readonly status: string;
    readonly attempts: number;
    readonly createdAt: string;
    readonly error: string | null;
  }[];
  readonly replay: { readonly result: "same" | "different" | "unknown"; readonly text: string } | null;
}

export interface Silence {
  readonly id: string;
  readonly state: "active" | "pending" | "expired";
  /** As text, `{service="cart"}`. */
  readonly matchers: string;
  readonly startsAt: string;
  readonly endsAt: string;
  /** In words; null for one that mutes all the time. */
  readonly recurs: string | null;
  readonly createdBy: string;
  readonly comment: string;
  /** Alerts that fire now and that it mutes. */
  readonly mutes: number;
  /** It is about to end while what it mutes still fires. */
  readonly endsSoon: boolean;
}

/** What a silence would do, before anybody makes it. */
export interface SilencePreview {
  readonly firing: readonly {
    readonly id: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly firingInAll: number;
  readonly knownCount: number;
  readonly similar: readonly (Omit<Silence, "mutes" | "endsSoon"> & {
    readonly relation: "same" | "wider" | "narrower";
  })[];
}

export interface SliReading {
  readonly good: number;
  readonly total: number;
  readonly errorRatio: number;
  readonly burnRate: number;
  readonly windowSeconds: number;
}

export interface Plan {
  readonly summary: string;
  readonly changes: readonly {
    readonly what: string;
    readonly before: string | null;
    readonly after: string;
  }[];
  readonly request: { readonly method: string; readonly url: string; readonly body?: unknown };
}

export interface ActionRun {
  readonly id: string;
  readonly action: string;
  readonly type: string;
  readonly mode: "dry-run" | "approve" | "auto";
  readonly state: string;
  readonly alert: {
    readonly id: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly slo: string | null;
  readonly plan: Plan | null;
  readonly guards: readonly { readonly guard: string; readonly passed: boolean; readonly text: string }[];
  readonly decidedAt: string;
  readonly expiresAt: string | null;
  readonly requestedBy: { readonly by: string; readonly reason: string } | null;
  readonly answer: {
    readonly answer: string;
    readonly by: string;
    readonly reason: string;
    readonly at: string;
  } | null;
  readonly lapse: string | null;
  readonly attempts: number;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly message: string | null;
  readonly before: SliReading | null;
  readonly after: SliReading | null;
  readonly verdict: string | null;
  readonly verdictReason: string | null;
  readonly verifiedAt: string | null;
}

export interface Status {
  /** How the configuration was last read again; absent in older collectors. */
  readonly reload?: {
    readonly loadedAt: string;
    readonly failedAt: string | null;
    readonly error: string | null;
  };
  /** Absent in older collectors. */
  readonly store?: {
    readonly kind?: "embedded" | "clickhouse" | "none";
    /** Of a collector without a store: what it does not have. */
    readonly notKept?: readonly string[];
    /** Why the store does not answer. */
    readonly fault?: string | null;
  };
}

export interface Catalogue {
  readonly stopped: { readonly by: string; readonly reason: string; readonly since: string } | null;
  readonly actions: readonly {
    readonly name: string;
    readonly type: string;
    readonly mode: string;
    readonly limits: {
      readonly cooldown: string;
      readonly maxPerDay: number;
      readonly usedToday: number;
      readonly maxAtOnce: number;
    };
  }[];
}
