import type { ReadText } from "./service.js";

/** What a container can find out of itself. */
export interface ContainerFacts {
  readonly id: string | undefined;
  /** Within Kubernetes. */
  readonly podUid: string | undefined;
  readonly name: string | undefined;
}

/** Reads what the cgroup (v1, and v2 without a namespace of its own) and the mounts (v2) of this process tell. */
export function containerFacts(read: ReadText): ContainerFacts {
  const cgroup = read("/proc/self/cgroup") ?? "";
  const mounts = read("/proc/self/mountinfo") ?? "";
  const [, podUid, name] = KUBELET.exec(mounts) ?? [];
  return {
    // Within Kubernetes the mounts that name a container are those of the pod's sandbox.
    id: idInCgroup(cgroup) ?? (podUid === undefined ? MOUNT.exec(mounts)?.[1] : undefined),
    podUid: podUid ?? POD.exec(cgroup)?.[1]?.replaceAll("_", "-"),
    name,
  };
}

/** The innermost id, e.g. of `/docker/<id>`, `docker-<id>.scope`, `cri-containerd:<id>`, `<task>-<number>` on Fargate. */
function idInCgroup(cgroup: string): string | undefined {
  for (const line of cgroup.split("\n")) {
    const id = line.match(ID)?.at(-1);
    if (id !== undefined) return id;
  }
  return undefined;
}

const ID = /(?<=[/:-])[0-9a-f]{64}(?=\.scope|\/|$)|(?<=\/)[0-9a-f]{32}-\d{6,}(?=\/|$)/g;
const MOUNT = /\/(?:overlay-)?containers\/([0-9a-f]{64})\/(?:userdata\/)?(?:hostname|hosts|resolv\.conf)/;
const KUBELET = /\/kubelet\/pods\/([0-9a-f-]{36})\/containers\/([^/\s]+)\//;
const POD = /pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})/;
