import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { arch, hostname, release, type } from "node:os";
import { dirname, sep } from "node:path";
import type { Attributes } from "@opentelemetry/api";
import { SDK_INFO } from "@opentelemetry/core";
import { AGENT_SCOPE } from "../scope.js";
import type { EnvReader } from "../settings/env.js";
import { cloudAttributes } from "./cloud.js";
import { type ContainerFacts, containerFacts } from "./container.js";
import { gitCommit, type ReadText, serviceIdentity } from "./service.js";

/** What the process knows of itself, as a parameter. */
export interface ProcessFacts {
  readonly pid: number;
  readonly script: string | undefined;
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
  const { script } = facts;
  const home = homeOf(script, facts.cwd);
  const service = serviceIdentity(home, read);
  const commit =
    COMMITS.map((name) => env.text(name)).find((value) => value !== undefined) ?? gitCommit(home, read);
  const cloud = cloudAttributes(env);
  const container = containerFacts(read);
  // On Lambda the script is the runtime's, and one package may be many functions.
  const isFunction = cloud["cloud.platform"] === "aws_lambda";
  const detected: Attributes = {
    "service.name":
      (isFunction ? cloud["faas.name"] : service.name) ?? cloud["faas.name"] ?? "unknown_service:node",
    "service.version": (isFunction ? undefined : service.version) ?? commit?.slice(0, 12),
    "vcs.ref.head.revision": commit,
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
    "container.id": container.id,
    ...kubernetesAttributes(env, read, container),
    ...cloud,
  };
  const attributes: Attributes = {
    ...detected,
    ...given,
    ...defined("service.name", env.text("OTEL_SERVICE_NAME")),
    ...defined("service.version", given["service.version"] ?? env.text("SERVICE_VERSION")),
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.version": SDK_INFO["telemetry.sdk.version"],
    "telemetry.distro.name": "tocsin",
    "telemetry.distro.version": AGENT_SCOPE.version,
  };
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** Where the service's own files are: tools that start it (`next`, `pm2`) are no part of it. */
function homeOf(script: string | undefined, cwd: string): string {
  return script === undefined || script.includes(`${sep}node_modules${sep}`) ? cwd : dirname(script);
}

/** What build systems and platforms call the commit, since images seldom have a `.git`. */
const COMMITS: readonly string[] = [
  "GIT_COMMIT",
  "GIT_SHA",
  "COMMIT_SHA",
  "SOURCE_COMMIT",
  "GITHUB_SHA",
  "CI_COMMIT_SHA",
  "HEROKU_SLUG_COMMIT",
  "RAILWAY_GIT_COMMIT_SHA",
  "RENDER_GIT_COMMIT",
  "VERCEL_GIT_COMMIT_SHA",
];

/** The semantic conventions' own words for processor families. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "x86", arm: "arm32" };

/** What Kubernetes' downward API is usually told to pass on, by the names in common use. */
function kubernetesAttributes(env: EnvReader, read: ReadText, container: ContainerFacts): Attributes {
  const isInCluster = env.text("KUBERNETES_SERVICE_HOST") !== undefined;
  const pick = (...names: string[]): string | undefined =>
    names.map((name) => env.text(name)).find((value) => value !== undefined);
  // The shorter names are used for other things elsewhere.
  if (!isInCluster && pick("K8S_POD_NAME", "K8S_NAMESPACE_NAME", "POD_NAME") === undefined) return {};
  return {
    "k8s.pod.name": pick("K8S_POD_NAME", "POD_NAME") ?? (isInCluster ? hostname() : undefined),
    "k8s.pod.uid": pick("K8S_POD_UID", "POD_UID") ?? container.podUid,
    "k8s.namespace.name":
      pick("K8S_NAMESPACE_NAME", "K8S_NAMESPACE", "POD_NAMESPACE") ??
      (isInCluster ? read("/var/run/secrets/kubernetes.io/serviceaccount/namespace")?.trim() : undefined),
    "k8s.node.name": pick("K8S_NODE_NAME", "NODE_NAME"),
    "k8s.deployment.name": pick("K8S_DEPLOYMENT_NAME"),
    "k8s.container.name": pick("K8S_CONTAINER_NAME", "CONTAINER_NAME") ?? container.name,
    "k8s.cluster.name": pick("K8S_CLUSTER_NAME"),
  };
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
