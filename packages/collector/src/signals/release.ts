import type { OtlpResource, OtlpValue } from "../otlp/index.js";

/** What a process runs, as far as its resource tells; "" for what it does not tell. */
export interface Release {
  /** What to call it: `service.version`, else the image's tag, the revision, the roll-out, or the image's digest. */
  readonly version: string;
  /** `service.version` alone. */
  readonly declared: string;
  /** `container.image.*`, as `name:tag@digest`. */
  readonly image: string;
  readonly tag: string;
  /** The beginning of the image's digest. */
  readonly digest: string;
  /** Commit, such as `vcs.ref.head.revision`. */
  readonly revision: string;
  /** Hash of the pod's template (a Deployment's or an Argo Rollout's), or the name of the ReplicaSet. */
  readonly rollout: string;
}

/** Attributes by which a commit is told, the present convention first. */
const REVISION_KEYS = [
  "vcs.ref.head.revision",
  "vcs.repository.ref.revision",
  "git.commit.sha",
  "faas.version",
];
const ROLLOUT_KEYS = [
  "k8s.pod.label.rollouts-pod-template-hash",
  "k8s.pod.labels.rollouts-pod-template-hash",
  "k8s.pod.label.pod-template-hash",
  "k8s.pod.labels.pod-template-hash",
  "k8s.replicaset.name",
];
const SHORT = 12;
const known = new WeakMap<OtlpResource, Release>();

/**
 * Reads what a resource says of the code behind it.
 *
 * @see OpenTelemetry semantic conventions for container, vcs and k8s resources.
 */
export function releaseOf(resource: OtlpResource): Release {
  let release = known.get(resource);
  if (release === undefined) {
    release = readRelease(resource);
    known.set(resource, release);
  }
  return release;
}

function readRelease({ serviceVersion, attributes }: OtlpResource): Release {
  const values = new Map<string, OtlpValue>();
  for (const { key, value } of attributes) values.set(key, value);
  const first = (keys: readonly string[]): string => {
    for (const key of keys) {
      const text = textOf(values.get(key));
      if (text !== "") return text;
    }
    return "";
  };
  const tag = first(["container.image.tags", "container.image.tag"]);
  const digest = digestOf(
    first(["oci.manifest.digest", "container.image.repo_digests", "container.image.id"]),
  );
  const revision = first(REVISION_KEYS);
  const rollout = first(ROLLOUT_KEYS);
  const name = first(["container.image.name"]);
  const tagged = tag === "" ? name : name === "" ? tag : `${name}:${tag}`;
  return {
    version: serviceVersion || tag || revision.slice(0, SHORT) || rollout || digest,
    declared: serviceVersion,
    image: tag === "" && digest === "" ? "" : digest === "" ? tagged : `${tagged}@${digest}`,
    tag,
    digest,
    revision,
    rollout,
  };
}

/** The first of several, as tags and digests come. */
function textOf(value: OtlpValue | undefined): string {
  const one = Array.isArray(value) ? value[0] : value;
  return typeof one === "string" ? one : "";
}

/** `name@sha256:…` and `sha256:…` to the beginning of the hash. */
function digestOf(text: string): string {
  return text.slice(Math.max(text.lastIndexOf("@"), text.lastIndexOf(":")) + 1).slice(0, SHORT);
}
