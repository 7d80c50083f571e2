import type { UnixMs } from "@tocsin/model";

/** A version that began to serve. */
export interface Deployment {
  /** Stable: service, environment, version and time. */
  readonly id: string;
  readonly service: string;
  readonly environment: string;
  readonly version: string;
  /** What served before; "" when that is not known. */
  readonly previousVersion: string;
  readonly atMs: UnixMs;
  /** detected: a process with another version appeared. marked: someone said so (CI, the command line). */
  readonly source: "detected" | "marked";
  /** Who marked it, "" otherwise. */
  readonly by: string;
}

interface VersionState {
  lastSeenMs: UnixMs;
}

interface ServiceState {
  current: string;
  readonly versions: Map<string, VersionState>;
}

/** Longer than two of the default export intervals of OpenTelemetry, or a canary would look like a deployment a minute. */
const GONE_AFTER_MS = 150_000;
/** A mark and a detection of the same version within this time are one deployment. */
const SAME_WITHIN_MS = 15 * 60_000;
const DEPLOYMENTS_KEPT = 500;
const VERSIONS_KEPT = 50;

/**
 * Finds deployments: the version of a service changes when a process of a version appears that was not serving. A
 * further process of a version that is serving (a canary's other half, a scale-up) is no deployment, nor is a restart.
 */
export class DeploymentBook {
  #deployments: Deployment[] = [];
  readonly #services = new Map<string, ServiceState>();

  /**
   * Is told of every resource that sent something.
   *
   * @param sinceMs the earliest time that it tells of
   * @param atMs when it was received
   * @returns the deployment, when this is one
   */
  observe(
    service: string,
    environment: string,
    version: string,
    sinceMs: UnixMs,
    atMs: UnixMs,
  ): Deployment | undefined {
    if (version === "") return undefined;
    const key = `${service}\u0001${environment}`;
    let state = this.#services.get(key);
    if (!state) {
      state = { current: version, versions: new Map([[version, { lastSeenMs: atMs }]]) };
      this.#services.set(key, state);
      // The version that is there when we first look was deployed at a time that we do not know.
      return undefined;
    }
    const seen = state.versions.get(version);
    if (seen) {
      const wasGone = atMs - seen.lastSeenMs > GONE_AFTER_MS;
      seen.lastSeenMs = Math.max(seen.lastSeenMs, atMs);
      if (version === state.current) return undefined;
      // An older version that is back, or alone again: a roll-back. Beside the current one it is a canary's other half.
      const current = state.versions.get(state.current);
      const isAlone = current === undefined || atMs - current.lastSeenMs > GONE_AFTER_MS;
      if (!wasGone && !isAlone) return undefined;
    } else {
      state.versions.set(version, { lastSeenMs: atMs });
      forgetOldest(state);
    }
    const previousVersion = state.current;
    state.current = version;
    return this.#add({
      service,
      environment,
      version,
      previousVersion,
      atMs: sinceMs,
      source: "detected",
      by: "",
    });
  }

  /** A deployment that someone reports. The same one is not listed twice when it is also detected. */
  mark(deployment: {
    service: string;
    environment: string;
    version: string;
    atMs: UnixMs;
    by: string;
  }): Deployment {
    const { service, environment, version, atMs } = deployment;
    const state = this.#services.get(`${service}\u0001${environment}`);
    const previousVersion = state && state.current !== version ? state.current : "";
    return this.#add({
      ...deployment,
      service,
      environment,
      version,
      previousVersion,
      atMs,
      source: "marked",
    });
  }

  /** The version that serves now (the newest one), "" when unknown. */
  currentVersion(service: string, environment: string): string {
    return this.#services.get(`${service}\u0001${environment}`)?.current ?? "";
  }

  /** Newest first; of one service only where named. */
  list(service?: string): readonly Deployment[] {
    return this.#deployments
      .filter((deployment) => service === undefined || deployment.service === service)
      .sort((a, b) => b.atMs - a.atMs);
  }

  toJSON(): DeploymentBookState {
    return {
      deployments: this.#deployments,
      services: [...this.#services].map(([key, { current, versions }]) => [
        key,
        current,
        [...versions].map(([version, { lastSeenMs }]) => [version, lastSeenMs]),
      ]),
    };
  }

  load({ deployments, services }: DeploymentBookState): void {
    this.#deployments = [...deployments];
    this.#services.clear();
    for (const [key, current, versions] of services) {
      this.#services.set(key, {
        current,
        versions: new Map(versions.map(([version, lastSeenMs]) => [version, { lastSeenMs }])),
      });
    }
  }

  #add(deployment: Omit<Deployment, "id">): Deployment {
    const same = this.#deployments.findIndex(
      (each) =>
        each.service === deployment.service &&
        each.environment === deployment.environment &&
        each.version === deployment.version &&
        each.source !== deployment.source &&
        Math.abs(each.atMs - deployment.atMs) <= SAME_WITHIN_MS,
    );
    const known = this.#deployments[same];
    if (known) {
      // What was reported is kept, with what was seen to serve before.
      const marked =
        known.source === "marked" ? known : { ...known, source: "marked" as const, by: deployment.by };
      const merged = { ...marked, previousVersion: known.previousVersion || deployment.previousVersion };
      this.#deployments[same] = merged;
      return merged;
    }
    const { service, environment, version, atMs } = deployment;
    const added = { id: [service, environment, version, Math.round(atMs)].join("@"), ...deployment };
    this.#deployments.push(added);
    if (this.#deployments.length > DEPLOYMENTS_KEPT) this.#deployments.shift();
    return added;
  }
}

function forgetOldest({ current, versions }: ServiceState): void {
  if (versions.size <= VERSIONS_KEPT) return;
  const [oldest] = [...versions]
    .filter(([name]) => name !== current)
    .sort((a, b) => a[1].lastSeenMs - b[1].lastSeenMs);
  if (oldest) versions.delete(oldest[0]);
}

export interface DeploymentBookState {
  deployments: readonly Deployment[];
  services: [key: string, current: string, versions: [version: string, lastSeenMs: UnixMs][]][];
}
