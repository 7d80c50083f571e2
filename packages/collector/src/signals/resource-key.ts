import type { OtlpResource } from "../otlp/index.js";

const keys = new WeakMap<OtlpResource, string>();

/**
 * Names the process that sent something: `service.instance.id` where there is one, else all attributes of the
 * resource, in which two replicas differ by host, pod or process id.
 */
export function instanceKey(resource: OtlpResource): string {
  const known = keys.get(resource);
  if (known !== undefined) return known;
  const key =
    resource.serviceInstanceId !== ""
      ? `${resource.serviceNamespace}/${resource.serviceName}/${resource.serviceInstanceId}`
      : resource.attributes
          .map(({ key, value }) => `${key}=${JSON.stringify(value, bigintAsText)}`)
          .sort()
          .join(",");
  keys.set(resource, key);
  return key;
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

/** How people call that process: by its pod, its `service.instance.id`, or its host and process id. */
export function instanceName(resource: OtlpResource): string {
  const text = (wanted: string): string => {
    const value = resource.attributes.find(({ key }) => key === wanted)?.value;
    return typeof value === "string" || typeof value === "number" || typeof value === "bigint"
      ? String(value)
      : "";
  };
  const host = text("host.name");
  const pid = text("process.pid");
  return (
    text("k8s.pod.name") ||
    resource.serviceInstanceId ||
    (pid === "" ? host : `${host}:${pid}`) ||
    text("container.id").slice(0, 12)
  );
}
