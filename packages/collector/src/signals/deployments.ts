import type { UnixMs } from "@tocsin/model";
import type { Release } from "./release.js";

/** What of a release can change. */
export type ReleasePart = "version" | "image" | "revision" | "rollout";

/** A release that began to serve. */
export interface Deployment {
  /** Stable: service, environment, version and time. */
  readonly id: string;
  readonly service: string;
  readonly environment: string;
  readonly version: string;
  /** What served before; "" when that is not known, equal to `version` when something else of the release changed. */
  readonly previousVersion: string;
  /** Image, commit and roll-out as far as the service tells them; "" otherwise. */
  readonly image: string;
  readonly revision: string;
  readonly rollout: string;
  /** What differs from what served before. */
  readonly changed: readonly ReleasePart[];
  readonly atMs: UnixMs;
  /** detected: a process with another release appeared. marked: someone said so (CI, the command line). */
  readonly source: "detected" | "marked";
  /** Who marked it, "" otherwise. */
  readonly by: string;
}

/** A deployment that someone reports. */
export type DeploymentMark = Pick<Deployment, "service" | "environment" | "version" | "atMs" | "by">;

/** A release of a service, and when it was heard of last. */
interface KnownRelease {
  release: Release;
  lastSeenMs: UnixMs;
}

interface ServiceState {
  current: KnownRelease;
  releases: KnownRelease[];
}

/** Longer than two of the default export intervals of OpenTelemetry, or a canary would look like a deployment a minute. */
const GONE_AFTER_MS = 150_000;
/** A mark and a detection of the same release within this time are one deployment. */
const SAME_WITHIN_MS = 15 * 60_000;
const DEPLOYMENTS_KEPT = 500;
const RELEASES_KEPT = 50;

/**
 * Finds deployments: the release of a service changes when a process of a release appears that was not serving, told
 * by its version, image, commit or roll-out. A further process of a release that is serving (a canary's other half, a
 * scale-up) is no deployment, nor is a restart.
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
    release: Release,
    sinceMs: UnixMs,
    atMs: UnixMs,
  ): Deployment | undefined {
    if (release.version === "") return undefined;
    const key = `${service}\u0001${environment}`;
    const state = this.#services.get(key);
    if (!state) {
      const first = { release, lastSeenMs: atMs };
      // The release that is there when we first look was deployed at a time that we do not know.
      this.#services.set(key, { current: first, releases: [first] });
      return undefined;
    }
    const seen = knownOf(state, release);
    if (seen) {
      const wasGone = atMs - seen.lastSeenMs > GONE_AFTER_MS;
      seen.lastSeenMs = Math.max(seen.lastSeenMs, atMs);
      // One process may send by several ways, of which each tells something else of it.
      if (seen.release !== release) seen.release = completed(seen.release, release);
      if (seen === state.current) return undefined;
      // An older release that is back, or alone again: a roll-back. Beside the current one it is a canary's other half.
      if (!wasGone && atMs - state.current.lastSeenMs <= GONE_AFTER_MS) return undefined;
    }
    const previous = state.current.release;
    state.current = seen ?? { release, lastSeenMs: atMs };
    if (!seen) add(state, state.current);
    const { version, image, revision, rollout } = state.current.release;
    return this.#add({
      service,
      environment,
      version,
      previousVersion: previous.version,
      image,
      revision,
      rollout,
      changed: PARTS.filter((part) => previous[part] !== state.current.release[part]),
      atMs: sinceMs,
      source: "detected",
      by: "",
    });
  }

  /** A deployment that someone reports. The same one is not listed twice when it is also detected. */
  mark(mark: DeploymentMark): Deployment {
    const current = this.currentVersion(mark.service, mark.environment);
    return this.#add({
      ...mark,
      previousVersion: current === mark.version ? "" : current,
      image: "",
      revision: "",
      rollout: "",
      changed: ["version"],
      source: "marked",
    });
  }

  /** The version that serves now (the newest one), "" when unknown. */
  currentVersion(service: string, environment: string): string {
    return this.#services.get(`${service}\u0001${environment}`)?.current.release.version ?? "";
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
      releases: [...this.#services].map(([key, { current, releases }]) => [
        key,
        releases.indexOf(current),
        releases,
      ]),
    };
  }

  load({ deployments, releases }: DeploymentBookState): void {
    this.#deployments = deployments.map((each) => ({ ...NOTHING_MORE, ...each }));
    this.#services.clear();
    for (const [key, index, known] of releases ?? []) {
      const current = known[index];
      if (current) this.#services.set(key, { current, releases: [...known] });
    }
  }

  #add(deployment: Omit<Deployment, "id">): Deployment {
    const same = this.#deployments.findIndex(
      (each) =>
        each.service === deployment.service &&
        each.environment === deployment.environment &&
        (deployment.source === "marked" || each.source !== deployment.source) &&
        Math.abs(each.atMs - deployment.atMs) <= SAME_WITHIN_MS &&
        (isNamed(each, deployment.version) || isNamed(deployment, each.version)),
    );
    const known = this.#deployments[same];
    if (known) {
      const merged = merge(known, deployment);
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

const PARTS = ["version", "image", "revision", "rollout"] as const satisfies readonly ReleasePart[];
/** What tells two releases apart, of which each may be unknown. */
const IDENTITY = ["declared", "tag", "digest", "revision", "rollout"] as const satisfies (keyof Release)[];
/** What deployments of older snapshots lack. */
const NOTHING_MORE = { image: "", revision: "", rollout: "", changed: ["version"] as const };

/** The known release that this is, as far as both tell; the current one where that fits. */
function knownOf({ current, releases }: ServiceState, release: Release): KnownRelease | undefined {
  if (isCompatible(current.release, release)) return current;
  return releases
    .filter((known) => isCompatible(known.release, release))
    .reduce<KnownRelease | undefined>((a, b) => (a && a.lastSeenMs > b.lastSeenMs ? a : b), undefined);
}

function isCompatible(a: Release, b: Release): boolean {
  return a === b || IDENTITY.every((part) => a[part] === "" || b[part] === "" || a[part] === b[part]);
}

function completed(known: Release, more: Release): Release {
  if (IDENTITY.every((part) => known[part] !== "" || more[part] === "")) return known;
  return {
    // Requests are counted by the version that their own sender gives, so the name stays.
    version: known.version,
    declared: known.declared || more.declared,
    image: known.image.length >= more.image.length ? known.image : more.image,
    tag: known.tag || more.tag,
    digest: known.digest || more.digest,
    revision: known.revision || more.revision,
    rollout: known.rollout || more.rollout,
  };
}

/** What was reported is kept, with what was seen to serve before and of what it is made. */
function merge(known: Deployment, other: Omit<Deployment, "id">): Deployment {
  if (known.source === other.source) return known;
  const [marked, detected] = known.source === "marked" ? [known, other] : [other, known];
  const { image, revision, rollout, version } = detected;
  return {
    ...known,
    // Requests are counted by the version that the service itself gives.
    version,
    image,
    revision,
    rollout,
    changed: detected.changed,
    source: "marked",
    by: marked.by,
    previousVersion: known.previousVersion || other.previousVersion,
  };
}

/** Whether people may call it so: by its version, its tag or its commit. */
function isNamed({ version, image, revision }: Omit<Deployment, "id">, name: string): boolean {
  const [tagged = ""] = image.split("@");
  if (version === name || tagged.slice(tagged.lastIndexOf(":") + 1) === name) return true;
  return name.length >= 7 && revision.startsWith(name);
}

function add(state: ServiceState, release: KnownRelease): void {
  state.releases.push(release);
  if (state.releases.length <= RELEASES_KEPT) return;
  const [oldest] = state.releases
    .filter((each) => each !== state.current)
    .sort((a, b) => a.lastSeenMs - b.lastSeenMs);
  state.releases = state.releases.filter((each) => each !== oldest);
}

/** A deployment's change for people: `1.41 → 1.42`, or what else of the release changed. */
export function changeText({
  version,
  previousVersion,
  changed,
}: Pick<Deployment, "version" | "previousVersion" | "changed">): string {
  if (previousVersion === "") return version;
  return previousVersion === version
    ? `${version} (other ${changed.join(", ")})`
    : `${previousVersion} → ${version}`;
}

export interface DeploymentBookState {
  deployments: readonly (Omit<Deployment, keyof typeof NOTHING_MORE> & Partial<Deployment>)[];
  /** Absent in what an older version wrote; what serves is then known as soon as it sends. */
  releases?: [key: string, current: number, releases: KnownRelease[]][];
}
