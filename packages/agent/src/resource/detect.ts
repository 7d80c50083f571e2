import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { arch, hostname, release, type } from "node:os";
import { dirname } from "node:path";
import type { Attributes } from "@opentelemetry/api";
import type { EnvReader } from "../settings/env.js";
import { cloudAttributes } from "./cloud.js";
import { type ReadText, serviceIdentity } from "./service.js";

/** What the process knows of itself, as a parameter. */
export interface ProcessFacts {
  readonly pid: number;
  readonly argv: readonly string[];
  readonly execPath: string;
  readonly cwd: string;
  readonly nodeVersion: string;
}

/**
 * The resource that all telemetry carries: service, instance, process, host, container, Kubernetes, cloud.
 *
 * `OTEL_RESOURCE_ATTRIBUTES` wins over what is detected, `OTEL_SERVICE_NAME` and `SERVICE_VERSION` over that.
 * All of it is read at once; nothing here waits for a network.
 */
export function detectResource(env: EnvReader, facts: ProcessFacts, read: ReadText = readText): Attributes {
  const given = env.pairs("OTEL_RESOURCE_ATTRIBUTES");
  const script = facts.argv[1];
  const service = serviceIdentity(script === undefined ? facts.cwd : dirname(script), read);
  const detected: Attributes = {
    "service.name": service.name,
    "service.version": service.version,
    "service.instance.id": randomUUID(),
    "deployment.environment.name": given["deployment.environment"] ?? env.text("NODE_ENV"),
    "host.name": hostname(),
    "host.arch": ARCHITECTURES[arch()] ?? arch(),
    "os.type": type().toLowerCase(),
    "os.version": release(),
    "process.pid": facts.pid,
    "process.executable.path": facts.execPath,
    "process.command": script,
    "process.runtime.name": "nodejs",
    "process.runtime.version": facts.nodeVersion,
    "container.id": containerId(read),
    ...kubernetesAttributes(env, read),
    ...cloudAttributes(env),
  };
  const attributes: Attributes = {
    ...detected,
    ...given,
    ...defined("service.name", env.text("OTEL_SERVICE_NAME")),
    ...defined("service.version", given["service.version"] ?? env.text("SERVICE_VERSION")),
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.language": "nodejs",
    "telemetry.distro.name": "tocsin",
  };
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** The semantic conventions' own words for processor families. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "x86", arm: "arm32" };

/** What Kubernetes' downward API is usually told to pass on, by the names in common use. */
function kubernetesAttributes(env: EnvReader, read: ReadText): Attributes {
  const isInCluster = env.text("KUBERNETES_SERVICE_HOST") !== undefined;
  const pick = (...names: string[]): string | undefined =>
    names.map((name) => env.text(name)).find((value) => value !== undefined);
  // The shorter names are used for other things elsewhere.
  if (!isInCluster && pick("K8S_POD_NAME", "K8S_NAMESPACE_NAME", "POD_NAME") === undefined) return {};
  return {
    "k8s.pod.name": pick("K8S_POD_NAME", "POD_NAME") ?? (isInCluster ? hostname() : undefined),
    "k8s.pod.uid": pick("K8S_POD_UID", "POD_UID"),
    "k8s.namespace.name":
      pick("K8S_NAMESPACE_NAME", "K8S_NAMESPACE", "POD_NAMESPACE") ??
      (isInCluster ? read("/var/run/secrets/kubernetes.io/serviceaccount/namespace")?.trim() : undefined),
    "k8s.node.name": pick("K8S_NODE_NAME", "NODE_NAME"),
    "k8s.deployment.name": pick("K8S_DEPLOYMENT_NAME"),
    "k8s.container.name": pick("K8S_CONTAINER_NAME", "CONTAINER_NAME"),
    "k8s.cluster.name": pick("K8S_CLUSTER_NAME"),
  };
}

/** 64 hexadecimal digits in the cgroup (v1) or the mounts (v2) of this process. */
export function containerId(read: ReadText): string | undefined {
  const v1 = /[/-]([0-9a-f]{64})(?:\.scope)?$/m.exec(read("/proc/self/cgroup") ?? "")?.[1];
  if (v1 !== undefined) return v1;
  return /\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf)/.exec(
    read("/proc/self/mountinfo") ?? "",
  )?.[1];
}

function defined(key: string, value: string | undefined): Attributes {
  return value === undefined ? {} : { [key]: value };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
