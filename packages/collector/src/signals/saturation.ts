import type { UnixMs } from "@tocsin/model";
import type { MetricColumns, OtlpResource } from "../otlp/index.js";
import { releaseOf } from "./release.js";
import { instanceKey, instanceName } from "./resource-key.js";
import {
  type PartReading,
  POOL_METRICS,
  partsOf,
  SATURATION_LIMITS,
  type SaturationLimits,
  type SaturationPart,
  WATCHED_METRICS,
} from "./saturation-parts.js";
import { SaturationReadings } from "./saturation-readings.js";

/** How full a service is: its fullest part, of its fullest instance. */
export interface Saturation {
  /** 1 is full, and CPU, delays and pools may be over; null when nothing was measured lately. */
  readonly ratio: number | null;
  readonly part: SaturationPart | null;
  /** The instance that is the fullest: its pod, its `service.instance.id`, or its host and process id. */
  readonly instance: string | null;
  /** The fullest instance of each part. */
  readonly parts: Partial<Record<SaturationPart, number>>;
  /** The same with what was measured and where, fullest first. */
  readonly readings: readonly InstanceReading[];
  /** Requests being answered at this moment, over all instances; null when not measured. */
  readonly inFlight: number | null;
  /** Worst 99th percentile of the event loop's delay in seconds, less the sampler's own; null when not measured. */
  readonly eventLoopDelaySeconds: number | null;
}

/** How full one part is, of the instance where it is the fullest. */
export interface InstanceReading extends PartReading {
  readonly instance: string;
}

interface Instance {
  readonly name: string;
  readonly version: string;
  readonly readings: SaturationReadings;
}

const FORGET_AFTER_MS = 3_600_000;
/** Processes of one service that are watched; what is started over and over leaves many behind within the hour. */
const INSTANCES_KEPT = 2_000;

/** Watches how full the instances of all services are, by the newest reading of each metric. */
export class SaturationBook {
  readonly #limits: SaturationLimits;
  readonly #services = new Map<string, Map<string, Instance>>();

  constructor(limits: SaturationLimits = SATURATION_LIMITS) {
    this.#limits = limits;
  }

  observe(columns: MetricColumns): void {
    for (const metric of columns.metrics) {
      const resource = columns.resources[metric.resource];
      if (!resource || metric.pointCount === 0) continue;
      if (!WATCHED_METRICS.has(metric.name) && POOL_METRICS[metric.name] === undefined) continue;
      this.#instance(resource).readings.note(columns, metric);
    }
  }

  /** How full a service is as of `nowMs`, or one version of it. */
  saturationOf(service: string, environment: string, nowMs: UnixMs, version?: string): Saturation {
    const worst = new Map<SaturationPart, InstanceReading>();
    let inFlight: number | null = null;
    // What is scraped seldom tells the environment.
    const instances =
      this.#services.get(keyOf(service, environment)) ?? this.#services.get(keyOf(service, ""));
    for (const instance of instances?.values() ?? []) {
      if (version !== undefined && version !== instance.version) continue;
      for (const reading of partsOf(instance.readings.at(nowMs), this.#limits)) {
        const known = worst.get(reading.part);
        if (!known || reading.ratio > known.ratio) {
          worst.set(reading.part, { ...reading, instance: instance.name });
        }
        if (reading.part === "requests in flight") inFlight = (inFlight ?? 0) + reading.value;
      }
    }
    const readings = [...worst.values()].sort((a, b) => b.ratio - a.ratio);
    const [fullest] = readings;
    return {
      ratio: fullest?.ratio ?? null,
      part: fullest?.part ?? null,
      instance: fullest?.instance ?? null,
      parts: Object.fromEntries(readings.map(({ part, ratio }) => [part, ratio])),
      readings,
      inFlight,
      eventLoopDelaySeconds: worst.get("event loop delay")?.value ?? null,
    };
  }

  /** Forgets instances that have not been heard of for an hour. */
  forget(nowMs: UnixMs): void {
    for (const [key, instances] of this.#services) {
      for (const [id, { readings }] of instances) {
        if (nowMs - readings.lastMs > FORGET_AFTER_MS) instances.delete(id);
      }
      if (instances.size === 0) this.#services.delete(key);
    }
  }

  #instance(resource: OtlpResource): Instance {
    const key = keyOf(resource.serviceName, resource.environment);
    let instances = this.#services.get(key);
    if (!instances) {
      instances = new Map();
      this.#services.set(key, instances);
    }
    const id = instanceKey(resource);
    let instance = instances.get(id);
    if (!instance) {
      if (instances.size >= INSTANCES_KEPT) forgetQuietest(instances);
      const { version } = releaseOf(resource);
      instance = { name: instanceName(resource), version, readings: new SaturationReadings() };
      instances.set(id, instance);
    }
    return instance;
  }
}

function keyOf(service: string, environment: string): string {
  return `${service}\u0001${environment}`;
}

function forgetQuietest(instances: Map<string, Instance>): void {
  let quietest: string | undefined;
  let lastMs = Number.POSITIVE_INFINITY;
  for (const [id, { readings }] of instances) {
    if (readings.lastMs < lastMs) [quietest, lastMs] = [id, readings.lastMs];
  }
  if (quietest !== undefined) instances.delete(quietest);
}
