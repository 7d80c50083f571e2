import { readFile } from "node:fs/promises";
import type { Labels } from "@tocsin/model";
import { z } from "zod";
import type { HttpAccessConfig, KubernetesSdConfig } from "../config.js";
import { ScrapeError } from "../errors.js";
import type { Discovery, DiscoveryDeps } from "./discovery.js";
import { parseJson } from "./http.js";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const MAX_BYTES = 200_000_000;
const PAGE = 500;

const texts = z.record(z.string(), z.string()).default({});
const Container = z.object({
  name: z.string(),
  image: z.string().default(""),
  ports: z
    .array(
      z.object({
        name: z.string().default(""),
        containerPort: z.number(),
        protocol: z.string().default("TCP"),
      }),
    )
    .default([]),
});
const Pod = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string().default(""),
    labels: texts,
    annotations: texts,
    ownerReferences: z
      .array(z.object({ kind: z.string(), name: z.string(), controller: z.boolean().default(false) }))
      .default([]),
  }),
  spec: z.object({
    nodeName: z.string().default(""),
    containers: z.array(Container),
    initContainers: z.array(Container).default([]),
  }),
  status: z
    .object({
      phase: z.string().default(""),
      podIP: z.string().default(""),
      hostIP: z.string().default(""),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
    })
    .prefault({}),
});
export type Pod = z.infer<typeof Pod>;

const PodList = z.object({
  metadata: z.object({ continue: z.string().default("") }).prefault({}),
  items: z.array(Pod).nullable().default([]),
});

/**
 * Pods of a Kubernetes cluster, listed at intervals: one target per declared container port, one per container without
 * ports, with Prometheus's `__meta_kubernetes_*` labels, so that the usual annotation rules work.
 */
export function kubernetesDiscovery(config: KubernetesSdConfig, deps: DiscoveryDeps): Discovery {
  return {
    name: "kubernetes_sd pod",
    refreshMs: config.refresh_interval,
    async find(signal) {
      const { server, access } = apiServer(config, deps.env);
      const namespaces = [...config.namespaces.names];
      if (config.namespaces.own_namespace) {
        namespaces.push((await readFile(`${ACCOUNT}/namespace`, "utf8")).trim());
      }
      const paths =
        namespaces.length === 0 ? ["/api/v1/pods"] : namespaces.map((n) => `/api/v1/namespaces/${n}/pods`);
      const pods: Pod[] = [];
      for (const path of paths) pods.push(...(await listPods(server + path, access, config, deps, signal)));
      return pods.flatMap(podTargets);
    },
  };
}

/** Targets of one pod. A pod without an address yet has none. */
export function podTargets(pod: Pod): Labels[] {
  if (pod.status.podIP === "") return [];
  const base = podLabels(pod);
  const containers = [
    ...pod.spec.containers.map((container) => ({ container, isInit: false })),
    ...pod.spec.initContainers.map((container) => ({ container, isInit: true })),
  ];
  return containers.flatMap(({ container, isInit }) => {
    const labels = {
      ...base,
      __meta_kubernetes_pod_container_name: container.name,
      __meta_kubernetes_pod_container_image: container.image,
      __meta_kubernetes_pod_container_init: String(isInit),
    };
    if (container.ports.length === 0) return [{ ...labels, __address__: hostOf(pod.status.podIP) }];
    return container.ports.map((port) => ({
      ...labels,
      __address__: `${hostOf(pod.status.podIP)}:${port.containerPort}`,
      __meta_kubernetes_pod_container_port_name: port.name,
      __meta_kubernetes_pod_container_port_number: String(port.containerPort),
      __meta_kubernetes_pod_container_port_protocol: port.protocol,
    }));
  });
}

function podLabels({ metadata, spec, status }: Pod): Labels {
  const labels: Record<string, string> = {
    __meta_kubernetes_namespace: metadata.namespace,
    __meta_kubernetes_pod_name: metadata.name,
    __meta_kubernetes_pod_ip: status.podIP,
    __meta_kubernetes_pod_host_ip: status.hostIP,
    __meta_kubernetes_pod_node_name: spec.nodeName,
    __meta_kubernetes_pod_phase: status.phase,
    __meta_kubernetes_pod_uid: metadata.uid,
    __meta_kubernetes_pod_ready: (
      status.conditions.find(({ type }) => type === "Ready")?.status ?? "unknown"
    ).toLowerCase(),
  };
  const owner = metadata.ownerReferences.find(({ controller }) => controller);
  if (owner !== undefined) {
    labels.__meta_kubernetes_pod_controller_kind = owner.kind;
    labels.__meta_kubernetes_pod_controller_name = owner.name;
  }
  for (const [kind, entries] of [
    ["label", metadata.labels],
    ["annotation", metadata.annotations],
  ] as const) {
    for (const [name, value] of Object.entries(entries)) {
      const plain = name.replace(/[^a-zA-Z0-9_]/g, "_");
      labels[`__meta_kubernetes_pod_${kind}_${plain}`] = value;
      labels[`__meta_kubernetes_pod_${kind}present_${plain}`] = "true";
    }
  }
  return labels;
}

async function listPods(
  url: string,
  access: HttpAccessConfig,
  config: KubernetesSdConfig,
  { http }: DiscoveryDeps,
  signal: AbortSignal,
): Promise<Pod[]> {
  const pods: Pod[] = [];
  let next = "";
  do {
    const page = new URL(url);
    page.searchParams.set("limit", String(PAGE));
    if (next !== "") page.searchParams.set("continue", next);
    for (const { label, field } of config.selectors) {
      if (label !== undefined) page.searchParams.set("labelSelector", label);
      if (field !== undefined) page.searchParams.set("fieldSelector", field);
    }
    const { body } = await http.get({
      url: page.href,
      headers: { accept: "application/json" },
      access,
      timeoutMs: 30_000,
      maxBytes: MAX_BYTES,
      acceptsGzip: true,
      signal,
    });
    const list = PodList.safeParse(parseJson(body, url));
    if (!list.success) {
      throw new ScrapeError(
        "SCRAPE_DISCOVERY",
        `The Kubernetes API server's answer is no list of pods: ${list.error.issues[0].message}.`,
      );
    }
    pods.push(...(list.data.items ?? []));
    next = list.data.metadata.continue;
  } while (next !== "");
  return pods;
}

/** The configured API server, else that of the cluster we run in, with the pod's own account. */
function apiServer(
  config: KubernetesSdConfig,
  env: DiscoveryDeps["env"],
): { server: string; access: HttpAccessConfig } {
  if (config.api_server !== undefined)
    return { server: config.api_server.replace(/\/$/, ""), access: config };
  const host = env.KUBERNETES_SERVICE_HOST;
  if (host === undefined) {
    throw new ScrapeError(
      "SCRAPE_DISCOVERY",
      "Not inside a Kubernetes cluster: KUBERNETES_SERVICE_HOST is not set. Give kubernetes_sd_configs an api_server.",
    );
  }
  return {
    server: `https://${hostOf(host)}:${env.KUBERNETES_SERVICE_PORT ?? "443"}`,
    access: {
      ...config,
      bearer_token_file: `${ACCOUNT}/token`,
      tls_config: { ca_file: `${ACCOUNT}/ca.crt`, insecure_skip_verify: false, ...config.tls_config },
    },
  };
}

function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
